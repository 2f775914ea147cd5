/** Deferrable resolvers that are an `async function*`, in sync mode and in attempts. */
import { type CallEvent, FinalError, limits } from "@raincheck/protocol";
import { createTRPCClient, httpBatchStreamLink } from "@trpc/client";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { claimNext, quietly, runNext } from "../test/support/attempt-driver.ts";
import { ann, annAsync, rejection, t, testRaincheck } from "../test/support/harness.ts";
import { serveRouter } from "../test/support/http-server.ts";

interface CommitEffect {
  committed: unknown[];
}

function app() {
  const harness = testRaincheck();
  const { raincheck } = harness;
  const ended: string[] = [];
  const effect: CommitEffect = { committed: [] };
  const tell = async function* ({ input }: { input: number }) {
    for (let token = 0; token < input; token++) yield `token ${token}`;
    return { tokens: input };
  };
  const router = raincheck.bind(
    t.router({
      plain: t.procedure.input(z.number()).query(tell),
      tell: raincheck.deferrable(t.procedure.input(z.number())).query(tell),
      commit: raincheck.deferrable(t.procedure).mutation(async function* ({ ctx }) {
        yield "before";
        return ctx.call.commit((tx) => {
          effect.committed.push(tx);
          return { done: true };
        });
      }),
      fail: raincheck.deferrable(t.procedure).mutation(async function* () {
        yield "before";
        throw new Error("no more");
      }),
      bounded: raincheck.deferrable(t.procedure.input(z.string()), { maxYields: 3, maxYieldedBytes: 100_000 }).mutation(async function* ({
        input,
      }) {
        try {
          if (input === "symbol") yield Symbol("not storable");
          else if (input === "large") yield "x".repeat(limits.yieldBytes);
          else if (input === "bytes") for (;;) yield "x".repeat(60_000);
          else for (;;) yield 1;
        } catch {
          ended.push("caught");
        } finally {
          ended.push(input);
        }
      }),
      parsed: raincheck
        .deferrable(t.procedure)
        .output(async function* (value: unknown): AsyncGenerator<number, string, undefined> {
          const inner = (value as AsyncIterable<number, string>)[Symbol.asyncIterator]();
          for (;;) {
            const step = await inner.next();
            if (step.done === true) return `parsed ${step.value}`;
            yield step.value * 2;
          }
        })
        .query(async function* () {
          yield 1;
          yield 2;
          return "end";
        }),
      calls: raincheck.calls(t.procedure),
    }),
  );
  return { ...harness, router, ended, effect };
}

async function told<TYield, TReturn>(stream: AsyncIterable<TYield, TReturn>): Promise<{ values: TYield[]; result: TReturn }> {
  const iterator = stream[Symbol.asyncIterator]();
  const values: TYield[] = [];
  for (;;) {
    const step = await iterator.next();
    if (step.done === true) return { values, result: step.value };
    values.push(step.value);
  }
}

describe("in an attempt", () => {
  test("what is yielded is an event each, and what is returned the output", async () => {
    const { raincheck, router, runtime } = app();
    const handle = await raincheck.start(router.tell, 3, { ctx: ann });
    await runNext(runtime);
    expect(await handle.result()).toEqual({ tokens: 3 });
    const events = [];
    for await (const event of handle.events()) events.push(event);
    expect(events).toMatchObject([
      { type: "queued" },
      { type: "started" },
      { type: "yielded", seq: 3, attempt: 1, value: "token 0" },
      { type: "yielded", seq: 4, attempt: 1, value: "token 1" },
      { type: "yielded", seq: 5, attempt: 1, value: "token 2" },
      { type: "succeeded", seq: 6, output: { tokens: 3 } },
    ]);
    const behind = [];
    for await (const event of handle.events({ after: 4 })) behind.push(event.seq);
    expect(behind).toEqual([5, 6]);
  });

  test("whoever starts it is told that it streams", async () => {
    const { router } = app();
    const caller = router.createCaller(ann);
    expect(await caller.calls.start({ path: "tell", input: 3 })).toMatchObject({ path: "tell", created: true, streams: true });
    const other = testRaincheck();
    const plain = other.raincheck.bind(
      t.router({ a: other.raincheck.deferrable(t.procedure).query(() => 1), calls: other.raincheck.calls(t.procedure) }),
    );
    expect(await plain.createCaller(ann).calls.start({ path: "a" })).not.toHaveProperty("streams");
  });

  test("a retry of it is told to stream too, and tells everything anew; a reply has what it returned", async () => {
    const { raincheck, runtime } = testRaincheck();
    const tokens = { left: 1 };
    const tell = raincheck.deferrable(t.procedure).mutation(async function* () {
      yield "a";
      if (tokens.left === 1) throw new FinalError("no more tokens");
      yield "b";
      return { tokens: 2 };
    });
    const router = raincheck.bind(t.router({ tell, calls: raincheck.calls(t.procedure) }));
    const heard: unknown[] = [];
    raincheck.replies<typeof router>("bills", {
      tell: (reply) => heard.push(reply.state === "succeeded" ? reply.output.tokens : reply.state),
    });
    const first = await raincheck.start(tell, undefined, { ctx: ann, reply: { queue: "bills" } });
    await runNext(runtime);
    tokens.left = 2;
    const { calls } = router.createCaller(ann);
    const retried = await calls.retry({ id: first.id });
    expect(retried).toMatchObject({ created: true, streams: true });
    const handle = await raincheck.retry(tell, first.id, { ctx: ann });
    expect([handle.id, handle.created]).toEqual([retried.id, false]);
    await runNext(runtime);
    expect(await handle.result()).toEqual({ tokens: 2 });
    const told = async (events: AsyncIterable<CallEvent>) => {
      const values = [];
      for await (const event of events) if (event.type === "yielded") values.push(event.value);
      return values;
    };
    expect([await told(first.events()), await told(handle.events())]).toEqual([["a"], ["a", "b"]]);
    expect(await calls.replay({ id: retried.id })).toMatchObject({ created: true, streams: true });
    for (let replies = 0; replies < 2; replies += 1) await runNext(runtime, { queue: runtime.replyQueues()[0]! });
    expect(heard).toEqual(["failed", 2]);
  });

  test("a commit is the last event, with the values before it", async () => {
    const { raincheck, router, runtime, effect } = app();
    const handle = await raincheck.start(router.commit, undefined, { ctx: ann });
    expect(await runNext(runtime)).toMatchObject({ settled: "settled", error: undefined });
    expect(effect.committed).toEqual(["tx"]);
    const events = [];
    for await (const event of handle.events()) events.push(event);
    expect(events.slice(2)).toMatchObject([
      { type: "yielded", value: "before" },
      { type: "succeeded", output: { done: true } },
    ]);
  });

  test("what is yielded behind a commit is dropped, and told in the log once", async () => {
    const { raincheck, runtime, log } = testRaincheck();
    const late = raincheck.deferrable(t.procedure).mutation(async function* ({ ctx }) {
      const value = await ctx.call.commit(() => "done");
      yield 1;
      yield 2;
      return value;
    });
    raincheck.bind(t.router({ late }));
    const handle = await raincheck.start(late, undefined, { ctx: ann });
    expect(await runNext(runtime)).toMatchObject({ settled: "settled", error: undefined });
    expect(await handle.result()).toBe("done");
    const types = [];
    for await (const event of handle.events()) types.push(event.type);
    expect(types).toEqual(["queued", "started", "succeeded"]);
    expect(log).toMatchObject([{ level: "warn", path: "late", message: expect.stringContaining("Yield before the commit") as string }]);
  });

  test("a commit waits until what was yielded before it is written", async () => {
    const { router, runtime, effect, engine } = app();
    await router.createCaller(annAsync).commit();
    const call = await claimNext(runtime);
    const written = Promise.withResolvers<boolean>();
    const asked = Promise.withResolvers<void>();
    const flush = (): Promise<boolean> => (asked.resolve(), written.promise);
    const invoked = runtime.invoke(call, { ...quietly, signal: new AbortController().signal, yields: { put: () => undefined, flush } });
    await asked.promise;
    expect(effect.committed).toEqual([]);
    expect(await engine.read(call.id, { principal: "ann" })).toMatchObject({ state: "running" });
    written.resolve(true);
    expect(await invoked).toMatchObject({ committed: true });
  });

  test("a commit is refused when what was yielded before it never will be written", async () => {
    const { router, runtime, effect, engine } = app();
    await router.createCaller(annAsync).commit();
    const call = await claimNext(runtime);
    const yields = { put: () => undefined, flush: async () => false };
    const thrown = await rejection(runtime.invoke(call, { ...quietly, signal: new AbortController().signal, yields }));
    expect(runtime.describe(thrown)).toMatchObject({ ofEngine: true, thrown: { _tag: "StaleAttempt" } });
    expect(effect.committed).toEqual([]);
    expect(await engine.read(call.id, { principal: "ann" })).toMatchObject({ state: "running" });
  });

  test("what an attempt yielded before it failed is written before its end", async () => {
    const { raincheck, router, runtime } = app();
    const handle = await raincheck.start(router.fail, undefined, { ctx: ann });
    await runNext(runtime);
    const events = [];
    for await (const event of handle.events()) events.push(event);
    expect(events.slice(2)).toMatchObject([
      { type: "yielded", attempt: 1, value: "before" },
      { type: "failed", attempt: 1 },
    ]);
  });

  test.each([
    ["symbol", "YIELD_NOT_STORABLE", /^The yield cannot be kept/],
    ["large", "YIELD_TOO_LARGE", /65538 bytes, and 65536 are allowed/],
    ["many", "TOO_MANY_YIELDS", /more than 3 values, which is the policy's maxYields/],
    ["bytes", "TOO_MANY_YIELDS", /more than 100000 bytes, which is the policy's maxYieldedBytes/],
  ])("too much ends the call for good, and the generator cannot catch it: %s", async (input, code, message) => {
    const { router, runtime, ended } = app();
    await router.createCaller(annAsync).bounded(input);
    const { error } = await runNext(runtime);
    expect(runtime.describe(error)).toMatchObject({
      final: true,
      hidden: false,
      failure: { code, message: expect.stringMatching(message) as string },
    });
    expect(ended).toEqual([input]);
  });

  test("the generator is not resumed while the sink has no room", async () => {
    const { raincheck, runtime } = testRaincheck();
    let at = 0;
    const router = raincheck.bind(
      t.router({
        a: raincheck.deferrable(t.procedure).mutation(async function* () {
          for (at = 1; at <= 3; at++) yield at;
        }),
      }),
    );
    await router.createCaller(annAsync).a();
    const call = await claimNext(runtime);
    const rooms = [0, 1, 2].map(() => Promise.withResolvers<void>());
    const taken = [0, 1, 2].map(() => Promise.withResolvers<void>());
    let puts = 0;
    const yields = { put: () => (taken[puts]!.resolve(), rooms[puts++]!.promise), flush: async () => true };
    const invoked = runtime.invoke(call, { ...quietly, signal: new AbortController().signal, yields });
    for (const [index, room] of rooms.entries()) {
      await taken[index]!.promise;
      expect(at).toBe(index + 1);
      room.resolve();
    }
    await invoked;
  });

  test("an attempt that must stop aborts the signal, and ends the generator at its next yield", async () => {
    const { raincheck, runtime } = testRaincheck();
    const seen: string[] = [];
    const waiting = Promise.withResolvers<void>();
    const router = raincheck.bind(
      t.router({
        a: raincheck.deferrable(t.procedure).mutation(async function* ({ signal }) {
          try {
            yield 1;
            waiting.resolve();
            await new Promise((resolve) => signal?.addEventListener("abort", resolve));
            seen.push("aborted");
            yield 2;
            seen.push("went on");
          } finally {
            seen.push("cleaned up");
          }
        }),
      }),
    );
    await router.createCaller(annAsync).a();
    const call = await claimNext(runtime);
    const stop = new AbortController();
    const put: string[] = [];
    const yields = { put: (value: string) => void put.push(value), flush: async () => true };
    const invoked = rejection(runtime.invoke(call, { ...quietly, signal: stop.signal, yields }));
    await waiting.promise;
    stop.abort(new Error("stop now"));
    expect(await invoked).toMatchObject({ message: "stop now" });
    expect(seen).toEqual(["aborted", "cleaned up"]);
    expect(put).toHaveLength(1);
  });

  test("an output parser is given the stream, as tRPC gives it", async () => {
    const { raincheck, router, runtime } = app();
    const sync = await told(await router.createCaller(ann).parsed());
    expect(sync).toEqual({ values: [2, 4], result: "parsed end" });
    const handle = await raincheck.start(router.parsed, undefined, { ctx: ann });
    await runNext(runtime);
    expect(await handle.result()).toBe("parsed end");
    const values = [];
    for await (const event of handle.events()) if (event.type === "yielded") values.push(event.value);
    expect(values).toEqual(sync.values);
  });
});

describe("in sync mode", () => {
  test("it streams as any procedure of tRPC does", async () => {
    const { router } = app();
    await using server = await serveRouter(router, { createContext: () => ann });
    const trpc = createTRPCClient<typeof router>({ links: [httpBatchStreamLink({ url: server.http })] });
    const [plain, deferrable] = await Promise.all([trpc.plain.query(3), trpc.tell.query(3)]);
    const expected = { values: ["token 0", "token 1", "token 2"], result: { tokens: 3 } };
    expect(await told(plain)).toEqual(expected);
    expect(await told(deferrable)).toEqual(expected);
  });

  test("a commit is a plain transaction", async () => {
    const { router, effect } = app();
    expect(await told(await router.createCaller(ann).commit())).toEqual({ values: ["before"], result: { done: true } });
    expect(effect.committed).toEqual(["tx"]);
  });
});
