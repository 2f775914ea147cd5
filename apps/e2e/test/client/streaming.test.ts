/** A procedure that streams, from a worker to a client: token-sized chunks at 500 a second. */
import { createDeferClient, deferLink } from "@raincheck/client";
import type { Engine } from "@raincheck/engine";
import { memoryEngine } from "@raincheck/engine/memory";
import { postgresEngine } from "@raincheck/engine/postgres";
import { describe, expect, it } from "vitest";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";
import { runApplication } from "./application.ts";

const perSecond = 500;
const count = 3 * perSecond;
const expected = Array.from({ length: count }, (_, token) => `token-${token} `);

const engines: readonly { name: string; make: () => Promise<Engine<unknown>> }[] = [
  { name: "memory", make: async () => memoryEngine() },
  {
    name: "postgres",
    make: async () => {
      const { name, url } = await testSchema();
      return postgresEngine({ url, schema: name });
    },
  },
  {
    name: "postgres without notifications",
    make: async () => {
      const { name, url } = await testSchema();
      return postgresEngine({ url, schema: name, listen: false, pollMs: 100 });
    },
  },
];

describe.each(engines)("$name", ({ make }) => {
  it.each(["HTTP and SSE", "WebSocket"] as const)("500 tokens a second over %s come once, in order, through cuts", async (transport) => {
    await using app = await runApplication(await make(), transport);
    const handle = await createDeferClient(app.client()).reports.tell({ count, perSecond });
    const seqs: number[] = [];
    const values: string[] = [];
    const atMs: number[] = [];
    for await (const event of handle.events()) {
      seqs.push(event.seq);
      if (event.type !== "yielded") continue;
      expect(event.attempt).toBe(1);
      values.push(event.value);
      atMs.push(Date.parse(event.at));
      if (values.length === perSecond || values.length === 2 * perSecond + 7) app.cut();
    }
    expect(seqs).toEqual(Array.from({ length: count + 3 }, (_, index) => index + 1));
    expect(values).toEqual(expected);
    await expect(handle.result()).resolves.toEqual({ tokens: count });
    // The ledger keeps up: 3 seconds of tokens are written in that time, and some for a machine that has much else to do.
    expect(atMs.at(-1)! - atMs[0]!).toBeLessThan(12_000);

    // To whoever attaches later it is told again, from any cursor.
    const again = createDeferClient(app.client()).reports.tell.attach(handle.id);
    const replayed: string[] = [];
    for await (const event of again.events({ after: 1_002 })) if (event.type === "yielded") replayed.push(event.value);
    expect(replayed).toEqual(expected.slice(1_000));
  });

  it("streams at a durable call site, typed as ever", async () => {
    await using app = await runApplication(await make(), "HTTP and SSE");
    const trpc = app.client("ada", [deferLink()]);
    const values: string[] = [];
    for await (const value of await trpc.reports.tell.mutate({ count: 50, perSecond }, { context: { mode: "async" } })) values.push(value);
    expect(values).toEqual(expected.slice(0, 50));
    await expect(trpc.calls.list.query({})).resolves.toMatchObject({ calls: [{ path: "reports.tell", state: "succeeded" }] });
  });

  it("streams in sync mode as tRPC does, without a call", async () => {
    await using app = await runApplication(await make(), "in process");
    const trpc = app.client();
    const values: string[] = [];
    for await (const value of await trpc.reports.tell.mutate({ count: 5, perSecond })) values.push(value);
    expect(values).toEqual(expected.slice(0, 5));
    await expect(trpc.calls.list.query({})).resolves.toMatchObject({ calls: [] });
  });

  it("without subscriptions the result comes all the same", async () => {
    await using app = await runApplication(await make(), "HTTP without subscriptions");
    const handle = await createDeferClient(app.client()).reports.tell({ count: 50, perSecond });
    const types: string[] = [];
    for await (const event of handle.events()) types.push(event.type);
    expect(types.at(-1)).toBe("succeeded");
    expect(types).not.toContain("yielded");
    await expect(handle.result()).resolves.toEqual({ tokens: 50 });
  });
});
