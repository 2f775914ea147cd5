/** The client against the real server, worker and engines, over every transport. */
import { createDeferClient, deferLink, hasTag } from "@raincheck/client";
import type { Engine } from "@raincheck/engine";
import { memoryEngine } from "@raincheck/engine/memory";
import { postgresEngine } from "@raincheck/engine/postgres";
import { FinalError } from "@raincheck/protocol";
import type { createTRPCClient } from "@trpc/client";
import { describe, expect, it, vi } from "vitest";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";
import { type AppRouter, type Transport, runApplication } from "./application.ts";

/** How long a test waits for what must come, on a busy machine. */
const patience = { timeout: 15_000 };

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

const transports: readonly Transport[] = ["HTTP and SSE", "WebSocket", "in process", "HTTP without subscriptions"];

const cases = engines.flatMap((engine) => transports.map((transport) => ({ engine: engine.name, make: engine.make, transport })));

async function collect<TEvent>(events: AsyncIterable<TEvent>): Promise<TEvent[]> {
  const all: TEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe.each(cases)("$engine, $transport", ({ make, transport }) => {
  const subscribing = transport !== "HTTP without subscriptions";

  it("defers a call, follows it, and gives the output as its transformer made it", async () => {
    await using app = await runApplication(await make(), transport);
    const defer = createDeferClient(app.client());
    const handle = await defer.reports.make({ year: 2001 });
    const result = handle.result();
    const events = collect(handle.events());
    const resolver = await app.held.take(2001);
    resolver.progress(1);
    await vi.waitFor(async () => expect(await handle.get()).toMatchObject({ state: "running", progress: { done: 1 } }), patience);
    resolver.finish();
    const output = { year: 2001, madeAt: new Date(0), total: 2n ** 60n };
    await expect(result).resolves.toEqual(output);
    const seen = await events;
    expect(seen.at(-1)).toMatchObject({ type: "succeeded", output });
    if (subscribing) expect(seen.map(({ seq, type }) => `${seq} ${type}`)).toEqual(["1 queued", "2 started", "3 progress", "4 succeeded"]);
    // To those who come late, and with a handle from elsewhere, it is the same.
    const attached = createDeferClient(app.client()).reports.make.attach(JSON.stringify(handle));
    await expect(attached.result()).resolves.toEqual(output);
    expect((await collect(attached.events())).at(-1)).toEqual(seen.at(-1));
    expect(await collect(attached.events({ after: seen.at(-1)!.seq }))).toEqual([]);
    await expect(attached.get()).resolves.toMatchObject({ state: "succeeded", output });
  });

  it("makes a call site durable", async () => {
    await using app = await runApplication(await make(), transport);
    const trpc = app.client("ada", [deferLink()]);
    const deferred = { context: { mode: "async" } };
    await expect(trpc.reports.quick.query({ year: 7 }, deferred)).resolves.toBe(7);
    await expect(trpc.reports.quick.query({ year: 8 })).resolves.toBe(8);
    await expect(trpc.reports.refuse.mutate({ year: 9 }, deferred)).rejects.toMatchObject({
      name: "TRPCClientError",
      message: "No such year.",
      data: { code: "INTERNAL_SERVER_ERROR" },
      cause: { _tag: "CallFailed", code: "NO_SUCH_YEAR", failure: { data: { year: 9 } } },
    });
    const calls = await trpc.calls.list.query({});
    expect(calls.calls.map(({ path, state }) => `${path} ${state}`)).toEqual(["reports.refuse failed", "reports.quick succeeded"]);
  });

  it("tells failures and cancels by tag", async () => {
    await using app = await runApplication(await make(), transport);
    const defer = createDeferClient(app.client());
    const [failing, cancelled] = await Promise.all([defer.reports.make({ year: 1 }), defer.reports.make({ year: 2 })]);
    const results = Promise.allSettled([failing.result(), cancelled.result()]);
    (await app.held.take(1)).fail(new FinalError("No paper left.", { code: "OUT_OF_PAPER" }));
    const { signal } = await app.held.take(2);
    await expect(cancelled.cancel("no longer needed")).resolves.toBe(true);
    await expect(cancelled.cancel()).resolves.toBe(false);
    const [first, second] = await results;
    expect(first).toMatchObject({ status: "rejected", reason: { _tag: "CallFailed", code: "OUT_OF_PAPER", message: "No paper left." } });
    expect(second).toMatchObject({ status: "rejected", reason: { _tag: "CallCancelled", reason: "no longer needed" } });
    await vi.waitFor(() => expect(signal?.aborted).toBe(true), patience);
    expect(hasTag(signal?.reason, "AttemptAborted")).toBe(true);
  });

  it("is refused what the server refuses", async () => {
    await using app = await runApplication(await make(), transport);
    const { reports } = createDeferClient(app.client());
    const handle = await reports.make({ year: 1 }, { idempotencyKey: "one" });
    await expect(reports.make({ year: 1 }, { idempotencyKey: "one" })).resolves.toMatchObject({ id: handle.id });
    await expect(reports.make({ year: 2 }, { idempotencyKey: "one" })).rejects.toMatchObject({ data: { code: "CONFLICT" } });
    // @ts-expect-error the year is a number
    await expect(reports.make({ year: "1" })).rejects.toMatchObject({ data: { code: "BAD_REQUEST" } });
    const other = createDeferClient(app.client("bob")).reports.make.attach(handle.id);
    const unknown = reports.make.attach("00000000-0000-4000-8000-000000000000");
    for (const lost of [other, unknown]) {
      await expect(lost.result()).rejects.toMatchObject({ data: { code: "NOT_FOUND" } });
      await expect(lost.get()).rejects.toMatchObject({ data: { code: "NOT_FOUND" } });
      await expect(lost.cancel()).rejects.toMatchObject({ data: { code: "NOT_FOUND" } });
      await expect(collect(lost.events())).rejects.toMatchObject({ data: { code: "NOT_FOUND" } });
    }
    const nobody = createDeferClient(app.client("nobody")).reports.make;
    await expect(nobody({ year: 1 })).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
    await expect(nobody.attach(handle.id).result()).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
    await expect(collect(nobody.attach(handle.id).events())).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
    expect(() => reports.refuse.attach(JSON.stringify(handle))).toThrow("Invalid handle.path");
    await expect(reports.refuse.attach(handle.id).result()).rejects.toMatchObject({ _tag: "InvalidOption" });
  });

  it("gives whichever comes first", async () => {
    await using app = await runApplication(await make(), transport);
    const { reports } = createDeferClient(app.client());
    await expect(reports.quick.within("1 minute", { year: 7 })).resolves.toEqual({ done: true, output: 7 });
    const first = await reports.make.within("10 millis", { year: 2001 });
    if (first.done) throw new Error("Nobody let the resolver finish.");
    (await app.held.take(2001)).finish();
    await expect(first.handle.result()).resolves.toMatchObject({ year: 2001 });
  });

  it("stops following at an abort, and the call goes on", async () => {
    await using app = await runApplication(await make(), transport);
    const handle = await createDeferClient(app.client()).reports.make({ year: 2001 });
    const abort = new AbortController();
    const result = handle.result({ signal: abort.signal });
    const resolver = await app.held.take(2001);
    abort.abort("enough");
    await expect(result).rejects.toBe("enough");
    await vi.waitFor(() => expect(app.watches.open).toBe(0), patience);
    expect(resolver.signal?.aborted).toBe(false);
    resolver.finish();
    await expect(handle.result()).resolves.toMatchObject({ year: 2001 });
  });

  it("carries 200 handles over two subscriptions at most", async () => {
    await using app = await runApplication(await make(), transport);
    const { reports } = createDeferClient(app.client());
    const years = Array.from({ length: 200 }, (_, year) => year);
    const handles = await Promise.all(years.map((year) => reports.quick({ year })));
    await expect(Promise.all(handles.map((handle) => handle.result()))).resolves.toEqual(years);
    expect(app.watches.most).toBeLessThanOrEqual(2);
    if (transport === "HTTP and SSE") expect(app.watches.most).toBeGreaterThan(0);
  });
});

describe.each(engines)("$name, cut off", ({ make }) => {
  it.each(["HTTP and SSE", "WebSocket"] as const)("resumes over %s without a gap and without a repeat", async (transport) => {
    await using app = await runApplication(await make(), transport);
    const handle = await createDeferClient(app.client()).reports.make({ year: 2001 });
    const result = handle.result();
    const reader = handle.events();
    const read = [(await reader.next()).value!, (await reader.next()).value!];
    const resolver = await app.held.take(2001);
    app.cut();
    resolver.progress(1);
    read.push((await reader.next()).value!);
    app.cut();
    resolver.finish();
    read.push(...(await collect(reader)));
    expect(read.map(({ seq, type }) => `${seq} ${type}`)).toEqual(["1 queued", "2 started", "3 progress", "4 succeeded"]);
    await expect(result).resolves.toMatchObject({ year: 2001 });
  });
});

it("is what the types say: a client without the link answers in sync mode", async () => {
  await using app = await runApplication(memoryEngine(), "in process");
  const trpc: ReturnType<typeof createTRPCClient<AppRouter>> = app.client();
  await expect(trpc.reports.quick.query({ year: 7 }, { context: { mode: "async" } })).resolves.toBe(7);
  await expect(trpc.calls.list.query({})).resolves.toEqual({ calls: [], nextCursor: null });
});
