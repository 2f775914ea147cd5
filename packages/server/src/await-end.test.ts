import type { WakeHint } from "@raincheck/engine";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { claimNext } from "../test/support/attempt-driver.ts";
import { annAsync, rejection, t, testRaincheck } from "../test/support/harness.ts";
import { awaitEnd } from "./await-end.ts";

const reader = { principal: "ann" };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A call that runs, and a way to change it: each change is read, or not, before the next. With `hint`, that is what each wake says. */
async function streaming(hint?: WakeHint) {
  let reads = 0;
  const inner = testRaincheck();
  const app = testRaincheck({
    ...inner.engine,
    read: (...given) => (reads++, inner.engine.read(...given)),
    subscribe: (id, wake) => inner.engine.subscribe(id, (told) => wake(hint ?? told)),
  });
  const router = app.raincheck.bind(t.router({ a: app.raincheck.deferrable(t.procedure).mutation(() => 1) }));
  await router.createCaller(annAsync).a();
  const call = await claimNext(app.runtime);
  let after = 0;
  const change = async (): Promise<void> => {
    await app.engine.append(call, { after: after++, values: ["1"] });
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { engine: app.engine, call, change, reads: () => reads };
}

test("a call that changes all the time is read at once some times, and then now and then; its end is found all the same", async () => {
  const { engine, call, change, reads } = await streaming("unknown");
  const end = awaitEnd(engine, call.id, { reader });
  for (let changes = 0; changes < 10; changes += 1) await change();
  expect(reads()).toBe(11);
  for (let changes = 0; changes < 490; changes += 1) await change();
  expect(reads()).toBe(20);
  await vi.advanceTimersByTimeAsync(50);
  expect(reads()).toBe(21);
  await engine.settle(call, { type: "succeeded", output: "1" });
  await vi.advanceTimersByTimeAsync(50);
  expect(await end).toMatchObject({ state: "succeeded" });
});

test("a call that is told to go on is not read until its end", async () => {
  const { engine, call, change, reads } = await streaming();
  const end = awaitEnd(engine, call.id, { reader });
  for (let changes = 0; changes < 30; changes += 1) await change();
  expect(reads()).toBe(1);
  await engine.settle(call, { type: "succeeded", output: "1" });
  expect(await end).toMatchObject({ state: "succeeded" });
  expect(reads()).toBe(2);
});

test("an abort ends the pause between two reads", async () => {
  const { engine, call, change } = await streaming("unknown");
  const stop = new AbortController();
  const end = rejection(awaitEnd(engine, call.id, { reader, signal: stop.signal }));
  for (let changes = 0; changes < 30; changes += 1) await change();
  stop.abort(new Error("enough"));
  expect(await end).toMatchObject({ message: "enough" });
  expect(engine.subscribed()).toBe(0);
});
