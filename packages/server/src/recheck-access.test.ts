/** Who may watch is asked when a client connects, and again while it watches. */
import type { WatchMessage } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import { ann, rejection, t, testRaincheck } from "../test/support/harness.ts";
import { held } from "../test/support/held.ts";
import type { CallsOptions } from "./index.ts";

const patience = { timeout: 15_000 };

/** Who is let in, as a table of sessions would say. */
function app(options: CallsOptions = { recheck: "10 millis" }) {
  const harness = testRaincheck();
  const sessions = { asked: 0, revoked: false, slow: null as Promise<void> | null, owner: "ann" };
  const guarded = t.procedure.use(async ({ ctx, next, path, type }) => {
    sessions.asked += 1;
    expect([path, type]).toEqual(["calls.watch", sessions.asked === 1 ? "subscription" : "query"]);
    await sessions.slow;
    if (sessions.revoked) throw new TRPCError({ code: "UNAUTHORIZED", message: "Your session is over." });
    return next({ ctx: { ...ctx, user: sessions.owner } });
  });
  const { raincheck } = harness;
  const a = raincheck.deferrable(t.procedure).mutation(() => 1);
  const router = raincheck.bind(t.router({ a, calls: raincheck.calls(guarded, options) }));
  const start = async () => (await raincheck.start(a, undefined, { ctx: ann })).id;
  const watch = async (id: string, signal?: AbortSignal) => {
    const iterable = await router.createCaller(ann, signal === undefined ? {} : { signal }).calls.watch({ calls: [{ id }] });
    const iterator = iterable[Symbol.asyncIterator]();
    /** The message; `null`: the watch has ended. */
    return async () => {
      const { value, done } = (await iterator.next()) as IteratorResult<unknown>;
      return done === true ? null : (value as readonly [string, WatchMessage])[1];
    };
  };
  return { ...harness, sessions, start, watch };
}

describe("a watch that lasts", () => {
  test("ends with what the middleware refuses, though nothing happens to the call", async () => {
    const { start, watch, sessions, engine } = app();
    const one = await watch(await start());
    await one();
    const idle = one();
    await vi.waitFor(() => expect(sessions.asked).toBeGreaterThan(3), patience);
    sessions.revoked = true;
    expect(await rejection(idle)).toMatchObject({ code: "UNAUTHORIZED", message: "Your session is over." });
    expect(engine.subscribed()).toBe(0);
    const { asked } = sessions;
    expect(await one()).toBeNull();
    expect(sessions.asked).toBe(asked);
  });

  test("ends when it is not said in time whether it may go on", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const { start, watch, sessions, engine } = app();
    const one = await watch(await start());
    await one();
    const idle = rejection(one());
    sessions.slow = new Promise(() => {});
    await vi.advanceTimersByTimeAsync(50);
    const { asked } = sessions;
    expect(asked).toBeGreaterThan(1);
    await vi.advanceTimersByTimeAsync(9_900);
    expect(engine.subscribed()).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(await idle).toMatchObject({ code: "TIMEOUT" });
    expect(engine.subscribed()).toBe(0);
    expect(sessions.asked).toBe(asked);
  });

  test("is another's from the moment that its context is another's", async () => {
    const { start, watch, sessions, engine } = app();
    const one = await watch(await start());
    await one();
    const idle = one();
    sessions.owner = "bob";
    expect(await idle).toMatchObject({ refused: "NOT_FOUND" });
    expect(await one()).toBeNull();
    expect(engine.subscribed()).toBe(0);
  });

  test("costs no read while nothing changes", async () => {
    const { start, watch, sessions, engine } = app();
    const leaving = new AbortController();
    const one = await watch(await start(), leaving.signal);
    await one();
    let reads = 0;
    void engine.next("events").then(() => (reads += 1));
    const idle = one();
    const { asked } = sessions;
    await vi.waitFor(() => expect(sessions.asked).toBeGreaterThan(asked + 5), patience);
    expect(reads).toBe(0);
    leaving.abort();
    expect(await idle).toBeNull();
  });

  test("goes on while the middleware takes its time, and is asked once at a time", async () => {
    const { start, watch, sessions, engine, runtime } = app();
    const id = await start();
    const one = await watch(id);
    await one();
    const answer = held();
    sessions.slow = answer.promise;
    const { asked } = sessions;
    const next = one();
    await vi.waitFor(() => expect(sessions.asked).toBe(asked + 1), patience);
    await runtime.engine.cancel(id, { principal: "ann" }, null);
    expect(await next).toMatchObject({ event: { type: "cancelled" } });
    expect(await one()).toBeNull();
    sessions.revoked = true;
    answer.resolve();
    expect(sessions.asked).toBe(asked + 1);
    expect(engine.subscribed()).toBe(0);
  });

  test("is not asked about any more when the client has left", async () => {
    const { start, watch, sessions } = app();
    const leaving = new AbortController();
    vi.useFakeTimers();
    try {
      const one = await watch(await start(), leaving.signal);
      await one();
      const idle = one();
      await vi.advanceTimersByTimeAsync(15);
      expect(sessions.asked).toBe(2);
      leaving.abort();
      await vi.advanceTimersByTimeAsync(1_000);
      expect([sessions.asked, await idle]).toEqual([2, null]);
    } finally {
      vi.useRealTimers();
    }
  });

  test.each<[CallsOptions, number]>([
    [{}, 2],
    [{ recheck: "10 seconds" }, 4],
    [{ recheck: false }, 1],
  ])("with %j is asked about, the first time included, %i times in 31 seconds or once more", async (options, times) => {
    vi.useFakeTimers();
    try {
      const { start, watch, sessions } = app(options);
      const leaving = new AbortController();
      const one = await watch(await start(), leaving.signal);
      await one();
      const idle = one();
      await vi.advanceTimersByTimeAsync(31_000);
      expect(sessions.asked).toBeGreaterThanOrEqual(times);
      expect(sessions.asked).toBeLessThanOrEqual(options.recheck === false ? 1 : times + 1);
      leaving.abort();
      await idle;
    } finally {
      vi.useRealTimers();
    }
  });
});

test.each([{ recheck: "soon" }, { recheck: "0 seconds" }, { recheck: "30 days" }, { recheck: 30 }, { rechekc: "1 second" }, null])(
  "the options %j are refused",
  (options) => {
    const { raincheck } = testRaincheck();
    expect(() => raincheck.calls(t.procedure, options as never)).toThrow(/^(Invalid|Unknown option) /);
  },
);
