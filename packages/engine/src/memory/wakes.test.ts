import { expect, test, vi } from "vitest";
import type { WakeHint } from "../wake-hint.ts";
import { Wakes } from "./wakes.ts";

/** Behind every microtask that is queued by now, and those that they queue. */
const wakesAreThrough = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("however often a thing changes in one step, its subscribers are called once, after it", async () => {
  const wakes = new Wakes();
  const wake = vi.fn<() => void>();
  wakes.subscribe(["a", "b"], wake);
  wakes.changed("a");
  wakes.changed("b");
  wakes.changed("a");
  expect(wake).not.toHaveBeenCalled();
  await wakesAreThrough();
  expect(wake).toHaveBeenCalledTimes(1);
  wakes.changed("b");
  await wakesAreThrough();
  expect(wake).toHaveBeenCalledTimes(2);
});

test("only the subscribers of what has changed are called, and each subscription of one function is its own", async () => {
  const wakes = new Wakes();
  const wake = vi.fn<() => void>();
  const other = vi.fn<() => void>();
  wakes.subscribe(["a"], wake);
  wakes.subscribe(["a"], wake);
  wakes.subscribe(["__proto__"], other);
  wakes.changed("a");
  await wakesAreThrough();
  expect(wake).toHaveBeenCalledTimes(2);
  expect(other).not.toHaveBeenCalled();
  wakes.allChanged();
  await wakesAreThrough();
  expect(wake).toHaveBeenCalledTimes(4);
  expect(other).toHaveBeenCalledTimes(1);
});

test("who unsubscribes between the change and the call is not called, not even by one that is", async () => {
  const wakes = new Wakes();
  const gone = vi.fn<() => void>();
  const first = vi.fn<() => void>(() => unsubscribe());
  wakes.subscribe(["a"], first);
  const unsubscribe = wakes.subscribe(["a", "b"], gone);
  wakes.changed("a");
  await wakesAreThrough();
  wakes.changed("b");
  await wakesAreThrough();
  expect(first).toHaveBeenCalledTimes(1);
  expect(gone).not.toHaveBeenCalled();
});

test("a change made by a subscriber calls again", async () => {
  const wakes = new Wakes();
  let calls = 0;
  wakes.subscribe(["a"], () => {
    calls += 1;
    if (calls < 3) wakes.changed("a");
  });
  wakes.changed("a");
  await wakesAreThrough();
  expect(calls).toBe(3);
});

test("of several changes that are told at once, all must leave the call open for that to be said", async () => {
  const wakes = new Wakes();
  const wake = vi.fn<(hint: WakeHint) => void>();
  wakes.subscribe(["a", "b"], wake);
  wakes.changed("a", "open");
  wakes.changed("b", "open");
  await wakesAreThrough();
  for (const hints of [
    ["open", "unknown"],
    ["unknown", "open"],
  ] as const) {
    wakes.changed("a", hints[0]);
    wakes.changed("a", hints[1]);
    await wakesAreThrough();
    wakes.changed("a", hints[0]);
    wakes.changed("b", hints[1]);
    await wakesAreThrough();
  }
  expect(wake.mock.calls).toEqual([["open"], ["unknown"], ["unknown"], ["unknown"], ["unknown"]]);
});
