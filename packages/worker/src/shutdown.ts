/**
 * Stops a worker without losing or repeating more than it must.
 *
 * 1. No more claims. What a claim in flight still brings is handed back.
 * 2. Running attempts may finish, for the length of the grace.
 * 3. The rest is told `shutdown`, and its calls go back to the queue without spending an attempt.
 * 4. What the ledger has not taken soon after that is left: its lease ends, and the call runs again.
 *
 * With the grace and step 4 bounded, it ends within the grace and a second, whether the ledger answers or not.
 */
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import type * as Latch from "effect/Latch";
import type { RunningAttempts } from "./running-attempts.ts";

/** How long step 4 waits for the ledger. */
const handBackMs = 500;

/** What {@link shutDown} needs. */
export interface ShutdownOptions {
  readonly graceMs: number;
  /** Opens when the rest of the grace is to be skipped. */
  readonly hurry: Latch.Latch;
  readonly running: RunningAttempts;
  readonly claiming: Fiber.Fiber<unknown, unknown>;
}

/** See the file's head. Succeeds with how many attempts were handed back, and how many of these the ledger did not take in time. */
export const shutDown = Effect.fnUntraced(function* (options: ShutdownOptions) {
  const { graceMs, hurry, running, claiming } = options;
  claiming.interruptUnsafe();
  const quiet = Effect.andThen(Fiber.await(claiming), running.whenEmpty);
  yield* Effect.timeoutOption(Effect.raceFirst(quiet, hurry.await), graceMs);
  let handedBack = 0;
  for (const attempt of running.all()) if (attempt.end({ type: "told", reason: "shutdown" })) handedBack += 1;
  yield* Effect.timeoutOption(quiet, handBackMs);
  return { handedBack, left: running.size };
});
