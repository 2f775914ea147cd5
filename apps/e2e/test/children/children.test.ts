import { postgresEngine } from "@raincheck/engine/postgres";
import type { AttemptAborted } from "@raincheck/protocol";
import { type CallHandle, initRaincheck } from "@raincheck/server";
import { type Worker, runWorker } from "@raincheck/worker";
import { initTRPC } from "@trpc/server";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";

const plan = z.object({ commit: z.enum(["keeps", "throws", "never"]), children: z.number() });

/** An API and a worker, each with an engine of its own, whose procedure `parent` starts calls of `child`. */
async function application() {
  await using opening = new AsyncDisposableStack();
  const { name: schema, url } = opening.use(await testSchema());
  const aborted: Promise<unknown>[] = [];
  const part = () => {
    const engine = opening.adopt(postgresEngine({ url, schema, pollMs: 500 }), (one) => one.stop());
    const raincheck = initRaincheck.context<object>().create({ engine, principal: () => "ada" });
    const t = initTRPC.create();
    const child = raincheck.deferrable(t.procedure.input(z.string())).mutation(async ({ input, signal }) => {
      if (input !== "waits") return input;
      const ended = new Promise((resolve) => signal!.addEventListener("abort", () => resolve(signal!.reason)));
      aborted.push(ended);
      throw await ended;
    });
    const parent = raincheck.deferrable(t.procedure.input(plan), { retry: { attempts: 1 } }).mutation(async ({ input, ctx, signal }) => {
      const start = (what: string) => raincheck.start(child, what, { ctx });
      const startAll = () => Promise.all(Array.from({ length: input.children }, (_, index) => start(`${index}`)));
      if (input.commit === "never") {
        await Promise.all(Array.from({ length: input.children }, () => start("waits")));
        return await new Promise<never>((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason as AttemptAborted)));
      }
      return await ctx.call.commit(async () => {
        await startAll();
        if (input.commit === "throws") throw new Error("changed my mind");
        return null;
      });
    });
    const router = raincheck.bind(t.router({ child, parent }));
    const children = async () => (await engine.list({ principal: "ada" }, { path: "child", state: null, cursor: null, limit: 100 })).calls;
    return { raincheck, router, children };
  };
  const api = part();
  const { raincheck } = part();
  const worker: Worker = await runWorker({ raincheck, signals: false, shutdownGrace: "0 millis", log: () => undefined });
  opening.defer(() => worker.stop());
  const opened = opening.move();
  return { ...api, aborted, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

describe("calls that a call starts", () => {
  test("in its commit run when that has committed, and know their parent", async () => {
    await using app = await application();
    const parent = await app.raincheck.start(app.router.parent, { commit: "keeps", children: 3 }, { ctx: {} });
    await parent.result();
    await expect
      .poll(() => app.children(), { timeout: 15_000 })
      .toMatchObject(Array.from({ length: 3 }, () => ({ state: "succeeded", parent: parent.id })));
  });

  test("in a commit that throws were never there", async () => {
    await using app = await application();
    const parent = await app.raincheck.start(app.router.parent, { commit: "throws", children: 3 }, { ctx: {} });
    await expect(parent.result()).rejects.toMatchObject({ _tag: "CallFailed" });
    expect(await app.children()).toEqual([]);
  });

  test("end with it when it is cancelled, and their attempts are told", async () => {
    await using app = await application();
    const parent: CallHandle = await app.raincheck.start(app.router.parent, { commit: "never", children: 3 }, { ctx: {} });
    await expect.poll(() => app.aborted.length, { timeout: 15_000 }).toBe(3);
    expect(await parent.cancel("enough")).toBe(true);
    for (const reason of await Promise.all(app.aborted)) expect(reason).toMatchObject({ _tag: "AttemptAborted", reason: "cancelled" });
    const children = await app.children();
    expect(children).toHaveLength(3);
    for (const child of children) expect(child).toMatchObject({ state: "cancelled", cancelReason: expect.stringContaining("had started") });
  });
});
