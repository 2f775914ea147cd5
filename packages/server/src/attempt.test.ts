import { EngineUnavailable } from "@raincheck/engine";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { claimNext, quietly, runNext } from "../test/support/attempt-driver.ts";
import { ann, annAsync, authed, t, testRaincheck } from "../test/support/harness.ts";
import { held, untilIdle } from "../test/support/held.ts";

describe("calls within calls", () => {
  test("a plain call from a resolver's context is a plain call, in every mode", async () => {
    const { raincheck, runtime } = testRaincheck();
    const modes: unknown[] = [];
    const inner = raincheck.deferrable(t.procedure).query(({ ctx }) => {
      modes.push([ctx.call.mode, ctx.call.id, ctx.mode]);
      return "inner";
    });
    const outer = raincheck.deferrable(t.procedure.input(z.boolean())).mutation(async ({ ctx, input }): Promise<unknown> => {
      const caller = router.createCaller(input ? { ...ctx, mode: "async" } : ctx);
      return [await caller.inner(), input ? null : await caller.outer(true)];
    });
    const router = raincheck.bind(t.router({ inner, outer }));

    expect(await router.createCaller(ann).outer(false)).toEqual([
      "inner",
      [expect.objectContaining({ path: "inner", created: true }), null],
    ]);
    expect(modes).toEqual([["sync", null, undefined]]);
    await runNext(runtime);
    modes.length = 0;

    await router.createCaller(annAsync).outer(false);
    const ran = await runNext(runtime);
    expect(ran.error).toBeUndefined();
    expect(modes).toEqual([["sync", null, "sync"]]);
    // What asked for async mode within the attempt was accepted as a call of its own.
    expect((await claimNext(runtime)).path).toBe("inner");
  });

  test("a context that a middleware kept does not make a nested call an attempt", async () => {
    const { raincheck, runtime } = testRaincheck();
    let kept: object = {};
    const keeping = t.procedure.use(({ ctx, next }) => {
      kept = ctx;
      return next();
    });
    const modes: unknown[] = [];
    const self = raincheck.deferrable(keeping.input(z.number())).mutation(async ({ ctx, input }): Promise<unknown> => {
      modes.push(ctx.call.mode);
      return input === 0 ? "leaf" : await router.createCaller(kept as typeof ann).self(input - 1);
    });
    const router = raincheck.bind(t.router({ self }));
    await router.createCaller(annAsync).self(1);
    const { error, call } = await runNext(runtime);
    expect(error).toBeUndefined();
    expect(modes).toEqual(["async", "sync"]);
    expect(await runtime.engine.read(call.id, { principal: "ann" })).toMatchObject({ state: "succeeded", output: '~1j"leaf"' });
  });

  test("a middleware that calls another procedure on its way does not spend the attempt", async () => {
    const { raincheck, runtime } = testRaincheck();
    const modes: string[] = [];
    const quota = raincheck.deferrable(t.procedure).query(({ ctx }) => modes.push(`quota ${ctx.call.mode}`));
    const asking = t.procedure.use(async ({ ctx, next }) => {
      await router.createCaller({ ...ctx, mode: undefined }).quota();
      return next();
    });
    const outer = raincheck.deferrable(asking).mutation(({ ctx }): number => modes.push(`outer ${ctx.call.mode}`));
    const router: { createCaller(ctx: typeof ann): { quota(): Promise<number>; outer(): Promise<number> } } = raincheck.bind(
      t.router({ quota, outer }),
    );
    await router.createCaller(annAsync).outer();
    modes.length = 0;
    expect((await runNext(runtime)).error).toBeUndefined();
    expect(modes).toEqual(["quota sync", "outer async"]);
  });

  test("a middleware that forces async mode does not accept an attempt as a new call", async () => {
    const { raincheck, runtime } = testRaincheck();
    const forced = t.procedure.use(({ next }) => next({ ctx: { mode: "async" as const } }));
    const router = raincheck.bind(t.router({ a: raincheck.deferrable(forced).mutation(() => "ran") }));
    await router.createCaller(ann).a();
    const { call } = await runNext(runtime);
    expect(await runtime.engine.read(call.id, { principal: "ann" })).toMatchObject({ state: "succeeded", output: '~1j"ran"' });
  });

  test("a middleware that runs the resolver a second time is told off", async () => {
    const { raincheck, runtime } = testRaincheck();
    const twice = t.procedure.use(async ({ next }) => {
      const first = await next();
      return first.ok ? first : await next();
    });
    let ran = 0;
    const router = raincheck.bind(t.router({ a: raincheck.deferrable(twice).mutation(() => Promise.reject(new Error(String(++ran)))) }));
    await router.createCaller(annAsync).a();
    const { error } = await runNext(runtime);
    expect(ran).toBe(1);
    expect(error).toMatchObject({ message: expect.stringContaining("Leave retries to the procedure's policy") as string });
  });
});

describe("in an attempt", () => {
  test("the whole pipeline runs again, with the restored context", async () => {
    const { raincheck, runtime } = testRaincheck();
    const seen: unknown[] = [];
    const procedure = raincheck
      .deferrable(authed.input(z.object({ days: z.coerce.number<string>() })), { deadline: "1 hour" })
      .output(z.string().transform((text) => text.length))
      .mutation(({ ctx, input, signal, path }) => {
        const { mode, id, attempt, deadline } = ctx.call;
        seen.push({ user: ctx.user, input, path, mode, id, attempt, aborted: signal?.aborted });
        expect(deadline!.getTime() - Date.now()).toBeGreaterThan(3_500_000);
        ctx.call.progress({ done: 1 });
        return "abc";
      });
    const router = raincheck.bind(t.router({ a: procedure }));
    await router.createCaller(annAsync).a({ days: "3" });
    const { call, progress } = await runNext(runtime);
    expect(seen).toEqual([{ user: "ann", input: { days: 3 }, path: "a", mode: "async", id: call.id, attempt: 1, aborted: false }]);
    expect(progress).toEqual(['~1j{"done":1}']);
    expect(await runtime.engine.read(call.id, { principal: "ann" })).toMatchObject({ state: "succeeded", output: "~1j3" });
  });

  test("commit() stores what the output parser makes of its value, and the attempt is settled", async () => {
    const { raincheck, runtime, log } = testRaincheck();
    let parsed = 0;
    const procedure = raincheck
      .deferrable(t.procedure)
      .output(z.string().transform((text) => `${text}:${++parsed}`))
      .mutation(({ ctx }) => ctx.call.commit((tx) => `by ${tx}`));
    const router = raincheck.bind(t.router({ a: procedure }));
    await router.createCaller(annAsync).a();
    const call = await claimNext(runtime);
    const invoked = await runtime.invoke(call, { signal: new AbortController().signal, ...quietly });
    expect(invoked).toEqual({ output: '~1j"by tx:1"', committed: true });
    expect(await runtime.engine.read(call.id, { principal: "ann" })).toMatchObject({ state: "succeeded", output: '~1j"by tx:1"' });
    expect(log).toEqual([]);
  });

  test("a second commit() is refused, the first one counts, and returning something else is logged", async () => {
    const { raincheck, runtime, log } = testRaincheck();
    const procedure = raincheck.deferrable(t.procedure).mutation(async ({ ctx }) => {
      await ctx.call.commit(() => "first");
      await expect(ctx.call.commit(() => "second")).rejects.toThrow(/twice in one run/);
      return "third";
    });
    const router = raincheck.bind(t.router({ a: procedure }));
    await router.createCaller(annAsync).a();
    const { call } = await runNext(runtime);
    expect(await runtime.engine.read(call.id, { principal: "ann" })).toMatchObject({ output: '~1j"first"' });
    expect(log).toEqual([
      {
        level: "warn",
        path: "a",
        attempt: { id: call.id, attempt: 1 },
        message: expect.stringContaining("returned something else than it had committed") as string,
      },
    ]);
  });

  test("what fails after the commit cannot undo it", async () => {
    const { raincheck, runtime, log } = testRaincheck();
    const procedure = raincheck.deferrable(t.procedure).mutation(async ({ ctx }) => {
      await ctx.call.commit(() => "kept");
      throw new Error("too late");
    });
    const router = raincheck.bind(t.router({ a: procedure }));
    await router.createCaller(annAsync).a();
    const { error, call } = await runNext(runtime);
    expect(error).toBeUndefined();
    expect(await runtime.engine.read(call.id, { principal: "ann" })).toMatchObject({ state: "succeeded", output: '~1j"kept"' });
    expect(log).toHaveLength(1);
    expect(log[0]).toMatchObject({ message: expect.stringContaining("failed after ctx.call.commit()") as string });
  });

  test("a commit that nobody awaited has ended before the attempt has", async () => {
    const { raincheck, runtime } = testRaincheck();
    const writing = held();
    const returned = held();
    const procedure = raincheck.deferrable(t.procedure).mutation(({ ctx }) => {
      void ctx.call.commit(async () => {
        await writing.promise;
        return "committed";
      });
      queueMicrotask(() => returned.resolve());
      return "returned";
    });
    const router = raincheck.bind(t.router({ a: procedure }));
    await router.createCaller(annAsync).a();
    const call = await claimNext(runtime);
    let ended = false;
    const invoked = runtime.invoke(call, { signal: new AbortController().signal, ...quietly }).finally(() => {
      ended = true;
    });
    await returned.promise;
    expect(ended).toBe(false);
    writing.resolve();
    expect(await invoked).toEqual({ output: '~1j"committed"', committed: true });
  });

  test("a resolver that throws while its commit is under way has succeeded when the commit has", async () => {
    const { raincheck, runtime, log } = testRaincheck();
    const writing = held();
    const procedure = raincheck.deferrable(t.procedure).mutation(({ ctx }) => {
      void ctx.call.commit(async () => {
        await writing.promise;
        return "committed";
      });
      throw new Error("meanwhile");
    });
    const router = raincheck.bind(t.router({ a: procedure }));
    await router.createCaller(annAsync).a();
    const call = await claimNext(runtime);
    const invoked = runtime.invoke(call, { signal: new AbortController().signal, ...quietly });
    await untilIdle();
    writing.resolve();
    expect(await invoked).toEqual({ output: '~1j"committed"', committed: true });
    expect(log).toMatchObject([{ message: expect.stringContaining("failed after ctx.call.commit()") as string }]);
  });

  test("a commit of an attempt that was lost rolls back and fails the attempt", async () => {
    const { raincheck, runtime } = testRaincheck();
    const procedure = raincheck.deferrable(t.procedure).mutation(async ({ ctx }) => {
      await runtime.engine.cancel(ctx.call.id!, { principal: "ann" }, null);
      return await ctx.call.commit(() => "never");
    });
    const router = raincheck.bind(t.router({ a: procedure }));
    await router.createCaller(annAsync).a();
    const { error, settled } = await runNext(runtime);
    expect(runtime.describe(error)).toMatchObject({ ofEngine: true, thrown: { _tag: "StaleAttempt" } });
    expect(settled).toBe("stale");
  });

  test("an error of the application that only looks like the engine's is its own, inside a commit too", async () => {
    const lookAlike = Object.assign(new Error("mine"), { _tag: "StaleAttempt" });
    const { raincheck, runtime } = testRaincheck();
    const procedure = raincheck.deferrable(t.procedure).mutation(({ ctx }) =>
      ctx.call.commit(() => {
        throw lookAlike;
      }),
    );
    await raincheck
      .bind(t.router({ a: procedure }))
      .createCaller(annAsync)
      .a();
    const { error } = await runNext(runtime);
    expect(runtime.describe(error)).toMatchObject({ ofEngine: false, thrown: lookAlike, failure: { code: "INTERNAL_SERVER_ERROR" } });
  });

  test("an outage in the middle of a commit's work is the engine's error", async () => {
    const { raincheck, runtime } = testRaincheck();
    const procedure = raincheck.deferrable(t.procedure).mutation(({ ctx }) =>
      ctx.call.commit((): string => {
        throw new Error("the connection broke");
      }),
    );
    await raincheck
      .bind(t.router({ a: procedure }))
      .createCaller(annAsync)
      .a();
    const { commit } = runtime.engine;
    Object.assign(runtime.engine, {
      commit: (...given: Parameters<typeof commit>) =>
        commit(...given).catch((cause: unknown) => {
          throw new EngineUnavailable("commit", cause);
        }),
    });
    const { error } = await runNext(runtime);
    expect(runtime.describe(error)).toMatchObject({ ofEngine: true, thrown: { _tag: "EngineUnavailable" } });
  });

  test("progress that cannot be kept fails the attempt for good", async () => {
    const { raincheck, runtime } = testRaincheck();
    const router = raincheck.bind(
      t.router({
        a: raincheck.deferrable(t.procedure).mutation(({ ctx }) => {
          ctx.call.progress(new Map());
        }),
      }),
    );
    await router.createCaller(annAsync).a();
    const { error, progress } = await runNext(runtime);
    expect(progress).toEqual([]);
    expect(runtime.describe(error)).toMatchObject({
      final: true,
      failure: { code: "OUTPUT_NOT_STORABLE", message: expect.stringContaining("The progress cannot be kept: it is a Map") as string },
    });
  });
});
