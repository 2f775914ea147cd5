import type { ClaimedCall } from "@raincheck/engine";
import { AttemptAborted } from "@raincheck/protocol";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import { describe, expect, test } from "vitest";
import { type AttemptEnd, RunningAttempt, RunningAttempts } from "./running-attempts.ts";

const call: ClaimedCall = {
  id: "9f1b6c1e-8a44-4b8e-9d0f-111111111111",
  attempt: 1,
  path: "noop",
  queue: "default",
  principal: null,
  input: "null",
  context: "null",
  failures: 0,
  createdAt: "2001-01-01T00:00:00.000Z",
  deadlineInMs: null,
};
const returned: AttemptEnd = { type: "returned", invoked: { output: "1", committed: false } };

describe("an attempt", () => {
  test("has one end: the first", async () => {
    const attempt = new RunningAttempt(call, 0);
    expect(attempt.end(returned)).toBe(true);
    expect(attempt.end({ type: "told", reason: "cancelled" })).toBe(false);
    expect(await Effect.runPromise(Deferred.await(attempt.ended))).toBe(returned);
    expect(attempt.isOpen).toBe(false);
    // The resolver has finished: nobody may tell what it passed its signal to that it was cancelled.
    expect(attempt.signal.aborted).toBe(false);
  });

  test.each<[AttemptEnd, string]>([
    [{ type: "timed-out" }, "timed-out"],
    [{ type: "lease-ran-out" }, "lost"],
    [{ type: "told", reason: "lost" }, "lost"],
    [{ type: "told", reason: "cancelled" }, "cancelled"],
    [{ type: "told", reason: "expired" }, "expired"],
    [{ type: "told", reason: "shutdown" }, "shutdown"],
  ])("that is ended from outside by %o aborts its signal as %s", (end, reason) => {
    const attempt = new RunningAttempt(call, 0);
    expect(attempt.end(end)).toBe(true);
    expect(attempt.signal.reason).toBeInstanceOf(AttemptAborted);
    expect(attempt.signal.reason).toMatchObject({ reason });
    expect(attempt.end(returned)).toBe(false);
  });
});

describe("the running attempts", () => {
  test("tell two attempts of one call apart", async () => {
    let freed = 0;
    const counts: number[] = [];
    const running = new RunningAttempts({ onSlotFree: () => (freed += 1), onCount: (count) => counts.push(count) });
    const first = new RunningAttempt(call, 0);
    const second = new RunningAttempt({ ...call, attempt: 2 }, 0);
    running.add(first);
    running.add(second);
    expect(running.find({ id: call.id, attempt: 2 })).toBe(second);
    running.remove(first);
    running.remove(first);
    expect(running.all()).toEqual([second]);
    running.remove(second);
    await Effect.runPromise(running.whenEmpty);
    expect({ freed, counts }).toEqual({ freed: 2, counts: [1, 2, 1, 0] });
  });
});
