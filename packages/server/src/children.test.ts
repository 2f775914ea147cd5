import { EngineUnavailable, type NewCall } from "@raincheck/engine";
import { memoryEngine } from "@raincheck/engine/memory";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { claimNext, quietly, runNext } from "../test/support/attempt-driver.ts";
import { type TestContext, ann, annAsync, authed, rejection, t, testRaincheck } from "../test/support/harness.ts";
import type { CallHandle } from "./call-handle.ts";
import type { InProcessStartOptions } from "./raincheck.ts";

interface Accepted {
  readonly call: NewCall;
  readonly transaction: unknown;
}

type ParentContext = TestContext & { call: { commit<T>(work: (transaction: string | null) => T | Promise<T>): Promise<T> } };

/** An application whose procedure `parent` does what the test says, and what its engine was asked to accept. */
function app(act: (ctx: ParentContext, start: Start) => Promise<unknown>, refuse: (call: NewCall) => void = () => undefined) {
  const accepted: Accepted[] = [];
  const memory = memoryEngine();
  const harness = testRaincheck({
    ...memory,
    commit: (attempt, work) => memory.commit(attempt, () => work("tx")),
    transaction: (work) => memory.transaction(() => work("sync tx")),
    accept: async (call, options) => {
      accepted.push({ call, transaction: options?.transaction });
      refuse(call);
      return memory.accept(call);
    },
  });
  const { raincheck } = harness;
  const child = raincheck.deferrable(authed.input(z.string())).mutation(({ input }) => input);
  const parent = raincheck.deferrable(t.procedure).mutation(async ({ ctx }) => {
    await act(ctx, start);
    return null;
  });
  const nested = raincheck.deferrable(t.procedure).query(async ({ ctx }) => (await start("nested", { ctx })).id);
  const router = raincheck.bind(t.router({ child, parent, nested }));
  const start: Start = (input, options) => raincheck.start(router.child, input, options);
  const begin = () => raincheck.start(router.parent, undefined, { ctx: ann });
  return { ...harness, router, accepted, begin, children: () => accepted.filter(({ call }) => call.path === "child") };
}

type Start = (input: string, options: InProcessStartOptions<TestContext, string | null>) => Promise<{ id: string; created: boolean }>;

describe("a call that is started with the context of an attempt", () => {
  test("is that attempt's, and its parent is seen", async () => {
    const { runtime, begin, children, raincheck, router } = app(async (ctx, start) => {
      await start("a", { ctx });
      await router.createCaller({ ...ctx, mode: "async" }).child("b");
      await start("c", { ctx, detached: true });
      await start("d", { ctx: ann });
    });
    const { id } = await begin();
    expect((await runNext(runtime)).error).toBeUndefined();
    const startedBy = { id, attempt: 1 };
    expect(children()).toMatchObject([
      { call: { startedBy, detached: false }, transaction: undefined },
      { call: { startedBy, detached: false }, transaction: undefined },
      { call: { startedBy, detached: true } },
      { call: { startedBy: null, detached: false, idempotencyKey: null } },
    ]);
    const { calls } = await raincheck["~raincheck"].engine.list(
      { principal: "ann" },
      { path: "child", state: null, cursor: null, limit: 9 },
    );
    expect(calls.map((call) => call.parent)).toEqual([null, null, id, id]);
  });

  test("and found by another with the same key stays the first one's: the other's deadline and cancel are not carried to it", async () => {
    const seen: unknown[] = [];
    let first: CallHandle<null> | undefined;
    let second: CallHandle<null> | undefined;
    const { runtime, raincheck, router, begin } = app(async (ctx, start) => {
      const child = await start("shared", { ctx, idempotencyKey: "shared" });
      seen.push(child.created);
      if (seen.length > 1) return void seen.push(await second?.cancel());
      await runNext(runtime);
      expect(seen).toEqual([true, false, true]);
      const state = async () => await runtime.engine.read(child.id, { principal: "ann" });
      expect(await state()).toMatchObject({ state: "queued", parent: first?.id });
      expect(await claimNext(runtime)).toMatchObject({ id: child.id, deadlineInMs: null });
      await first?.cancel();
      expect(await state()).toMatchObject({ state: "cancelled" });
      seen.push("ended with the first");
    });
    first = await begin();
    second = await raincheck.start(router.parent, undefined, { ctx: ann, deadline: "1 hour" });
    await runNext(runtime);
    expect(seen).toEqual([true, false, true, "ended with the first"]);
  });

  test("is seen with its parent through the calls procedures", async () => {
    const harness = testRaincheck();
    const { raincheck, runtime } = harness;
    const child = raincheck.deferrable(t.procedure).mutation(() => 1);
    const parent = raincheck
      .deferrable(t.procedure)
      .mutation(async ({ ctx }) => void (await raincheck.start(router.child, undefined, { ctx })));
    const router = raincheck.bind(t.router({ child, parent, calls: raincheck.calls(authed) }));
    const { id } = await raincheck.start(router.parent, undefined, { ctx: ann });
    await runNext(runtime);
    const caller = router.createCaller(ann);
    const page = await caller.calls.list();
    expect(page.calls).toMatchObject([{ path: "child", parent: id }, { path: "parent" }]);
    expect(page.calls[1]).not.toHaveProperty("parent");
    expect(await caller.calls.get({ id: page.calls[0]!.id })).toMatchObject({ parent: id });
  });

  test("is its attempt's too when a plain call within the attempt starts it", async () => {
    const { runtime, begin, children, router } = app(async (ctx) => void (await router.createCaller(ctx).nested()));
    const { id } = await begin();
    expect((await runNext(runtime)).error).toBeUndefined();
    expect(children()).toMatchObject([{ call: { startedBy: { id, attempt: 1 } } }]);
  });

  test("of a synchronous run has no parent", async () => {
    const { router, children } = app(async (ctx, start) => void (await start("a", { ctx })));
    await router.createCaller(ann).parent();
    expect(children()).toMatchObject([{ call: { startedBy: null, idempotencyKey: null }, transaction: undefined }]);
  });

  test("that has lost its call is refused as stale, and the attempt ends as that", async () => {
    const started: unknown[] = [];
    const { runtime, begin, router } = app(async (ctx, start) => {
      await handle.cancel();
      started.push(await rejection(start("a", { ctx })));
      started.push(await rejection(router.createCaller({ ...ctx, mode: "async" }).child("b")));
      await start("c", { ctx });
    });
    const handle = await begin();
    const { error, settled } = await runNext(runtime);
    expect(started).toMatchObject([{ _tag: "StaleAttempt" }, { name: "TRPCError", cause: { _tag: "StaleAttempt" } }]);
    expect(runtime.describe(error)).toMatchObject({ ofEngine: true, thrown: { _tag: "StaleAttempt" } });
    expect(settled).toBe("stale");
  });

  test("that cannot be started because the ledger is away is no failure of the attempt", async () => {
    const { runtime, begin } = app(
      async (ctx, start) => void (await start("a", { ctx })),
      (call) => {
        if (call.path === "child") throw new EngineUnavailable("accept", null);
      },
    );
    await begin();
    const { error } = await runNext(runtime);
    expect(error).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    expect(runtime.describe(error)).toMatchObject({
      thrown: { _tag: "EngineUnavailable" },
      ofEngine: true,
      final: false,
      failure: { code: "SERVICE_UNAVAILABLE" },
    });
  });
});

describe("a call that is started while ctx.call.commit() is open", () => {
  test("belongs to its transaction, unless another is given", async () => {
    const { runtime, begin, children, router } = app(async (ctx, start) => {
      await start("before", { ctx });
      await ctx.call.commit(async () => {
        await start("a", { ctx });
        await router.createCaller({ ...ctx, mode: "async" }).child("b");
        await router.createCaller(ctx).nested();
        await start("given", { ctx, transaction: "another" });
        await start("apart", { ctx: ann });
      });
    });
    await begin();
    expect((await runNext(runtime)).error).toBeUndefined();
    expect(children().map(({ transaction }) => transaction)).toEqual([undefined, "tx", "tx", "tx", "another", undefined]);
  });

  test("is on its own again when the commit has thrown, and refused when it has ended the call", async () => {
    const refused: unknown[] = [];
    const { runtime, begin, children } = app(async (ctx, start) => {
      await rejection(ctx.call.commit(() => Promise.reject(new Error("no"))));
      await start("after the first", { ctx });
      await ctx.call.commit(() => null);
      refused.push(await rejection(start("after the second", { ctx })));
    });
    await begin();
    expect((await runNext(runtime)).settled).toBe("settled");
    expect(children().map(({ transaction }) => transaction)).toEqual([undefined, undefined]);
    expect(refused).toMatchObject([{ _tag: "StaleAttempt" }]);
  });

  test("belongs to the plain transaction in sync mode", async () => {
    const { router, children } = app(async (ctx, start) => void (await ctx.call.commit(() => start("a", { ctx }))));
    await router.createCaller(ann).parent();
    expect(children()).toMatchObject([{ transaction: "sync tx" }]);
  });

  test("on another engine belongs to no transaction and has no parent there", async () => {
    const other = app(async () => null);
    const { runtime, begin } = app(
      async (ctx) => void (await ctx.call.commit(() => other.router.createCaller({ ...ctx, mode: "async" }).child("a"))),
    );
    await begin();
    expect((await runNext(runtime)).error).toBeUndefined();
    expect(other.children()).toMatchObject([{ call: { startedBy: null }, transaction: undefined }]);
  });
});

describe("the key of a call that an attempt starts", () => {
  /** Runs the parent's attempts, ending each but the last as told; the answers to its starts, by attempt. */
  async function attempts(reason: "handed-back" | "failed", act: (ctx: TestContext, start: Start) => Promise<unknown>) {
    const run = app(act);
    await run.begin();
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const call = await claimNext(run.runtime);
      expect(call).toMatchObject({ path: "parent", attempt });
      await run.runtime.invoke(call, { signal: new AbortController().signal, ...quietly });
      await run.engine.settle(call, { type: "retrying", reason, failure: null, delayMs: 0 });
    }
    return run;
  }

  test("makes it the same call for an attempt that goes on after a hand-back, in whatever order", async () => {
    const started: { readonly id: string; readonly created: boolean }[][] = [];
    await attempts("handed-back", async (ctx, start) => {
      const inputs = started.length === 0 ? ["a", "a", "b"] : ["b", "a", "a", "new"];
      started.push(await Promise.all(inputs.map((input) => start(input, { ctx }))));
    });
    const [first = [], second = []] = started;
    expect(new Set(first.map(({ id }) => id)).size).toBe(3);
    expect(second.map(({ created }) => created)).toEqual([false, false, false, true]);
    expect(second[0]?.id).toBe(first[2]?.id);
    expect(new Set(second.slice(1, 3).map(({ id }) => id))).toEqual(new Set(first.slice(0, 2).map(({ id }) => id)));
  });

  test("is another one after an attempt that failed", async () => {
    const created: boolean[] = [];
    await attempts("failed", async (ctx, start) => created.push((await start("a", { ctx })).created));
    expect(created).toEqual([true, true]);
  });

  test("is taken once only: a start that failed may be repeated", async () => {
    const { runtime, begin, children } = app(
      async (ctx, start) => {
        await rejection(start("a", { ctx }));
        await start("a", { ctx });
        await start("a", { ctx });
      },
      () => {
        if (children().length === 1) throw new EngineUnavailable("accept", null);
      },
    );
    await begin();
    expect((await runNext(runtime)).error).toBeUndefined();
    const [failed, repeated, another] = children().map(({ call }) => call.idempotencyKey);
    expect(repeated).toBe(failed);
    expect(another).not.toBe(failed);
  });

  test("is the caller's own, if there is one, and none is made in a transaction", async () => {
    const { runtime, begin, children } = app(async (ctx, start) => {
      await start("a", { ctx, idempotencyKey: "mine" });
      await ctx.call.commit(() => start("b", { ctx }));
    });
    await begin();
    await runNext(runtime);
    expect(children()).toMatchObject([{ call: { idempotencyKey: "mine" } }, { call: { idempotencyKey: null } }]);
  });
});

test("detached is checked where it is given", async () => {
  const { router, raincheck } = app(async () => null);
  const wrong = rejection(raincheck.start(router.child, "a", { ctx: annAsync, detached: "yes" as never }));
  expect(await wrong).toMatchObject({ code: "BAD_REQUEST", message: expect.stringContaining("options.detached") });
});
