import { EngineUnavailable } from "@raincheck/engine";
import { memoryEngine } from "@raincheck/engine/memory";
import { expect, test } from "vitest";

import { runNext } from "../test/support/attempt-driver.ts";
import { ann, rejection, t, testRaincheck } from "../test/support/harness.ts";
import { untilIdle } from "../test/support/held.ts";

/** A raincheck over a memory engine, whose reads are counted; a call may end before whoever starts it hears that it was accepted. */
function app({ endsAtOnce = false, isAway = false } = {}) {
  const engine = memoryEngine();
  let reads = 0;
  const harness = testRaincheck({
    accept: async (call) => {
      if (isAway) throw new EngineUnavailable("accept", new Error("away"));
      const acceptance = await engine.accept(call);
      if (endsAtOnce) {
        const [claimed] = await engine.claim({ worker: "quick", queues: ["default"], limit: 1, leaseMs: 60_000 });
        await engine.settle(claimed!, { type: "succeeded", output: "2" });
        await untilIdle();
      }
      return acceptance;
    },
    claim: (request) => engine.claim(request),
    settle: (attempt, settlement) => engine.settle(attempt, settlement),
    read: (...given) => (reads++, engine.read(...given)),
    subscribe: (id, wake) => {
      const unsubscribe = engine.subscribe(id, wake);
      subscribed.add(unsubscribe);
      return () => {
        subscribed.delete(unsubscribe);
        unsubscribe();
      };
    },
  });
  const subscribed = new Set<() => void>();
  const one = harness.raincheck.deferrable(t.procedure).mutation(() => 1);
  const failing = harness.raincheck
    .deferrable(
      t.procedure.use(async ({ next }) => {
        await next();
        throw new Error("afterwards");
      }),
    )
    .mutation(() => 1);
  harness.raincheck.bind(t.router({ one, failing }));
  return { ...harness, one, failing, reads: () => reads, subscribed: () => subscribed.size };
}

test("who waits for the end at once has listened since before the acceptance, and reads at the end alone", async () => {
  const { raincheck, runtime, one, reads, subscribed } = app();
  const output = (await raincheck.start(one, undefined, { ctx: ann })).result();
  await untilIdle();
  expect(reads()).toBe(0);
  await runNext(runtime);
  expect(await output).toBe(1);
  expect(reads()).toBe(1);
  expect(subscribed()).toBe(0);
});

test("a call that has ended before its acceptance is answered is read at once", async () => {
  const { raincheck, one, reads } = app({ endsAtOnce: true });
  expect(await (await raincheck.start(one, undefined, { ctx: ann })).result()).toBe(2);
  expect(reads()).toBe(1);
});

test("who comes later reads first; meanwhile nobody follows the call", async () => {
  const { raincheck, runtime, one, reads, subscribed } = app();
  const handle = await raincheck.start(one, undefined, { ctx: ann });
  await untilIdle();
  expect(subscribed()).toBe(0);
  await runNext(runtime);
  expect(await handle.result()).toBe(1);
  expect(await handle.result()).toBe(1);
  expect(reads()).toBe(2);
  expect(subscribed()).toBe(0);
});

test("a call that existed is read at once, by whoever names it again", async () => {
  const { raincheck, runtime, one } = app();
  const options = { ctx: ann, idempotencyKey: "once" };
  await raincheck.start(one, undefined, options);
  await runNext(runtime);
  const again = await raincheck.start(one, undefined, options);
  expect(again.created).toBe(false);
  expect(await again.result()).toBe(1);
});

test("a signal ends the waiting of who has listened early, before it begins or after", async () => {
  const { raincheck, one, subscribed } = app();
  const stop = new AbortController();
  const waiting = (await raincheck.start(one, undefined, { ctx: ann })).result({ signal: stop.signal });
  await untilIdle();
  expect(subscribed()).toBe(1);
  stop.abort(new Error("enough"));
  expect(await rejection(waiting)).toMatchObject({ message: "enough" });
  const handle = await raincheck.start(one, undefined, { ctx: ann });
  expect(await rejection(handle.result({ signal: stop.signal }))).toMatchObject({ message: "enough" });
  expect(subscribed()).toBe(0);
});

test("a start that fails leaves nobody listening", async () => {
  for (const { raincheck, failing, subscribed } of [app({ isAway: true }), app()]) {
    await rejection(raincheck.start(failing, undefined, { ctx: ann }));
    await untilIdle();
    expect(subscribed()).toBe(0);
  }
});
