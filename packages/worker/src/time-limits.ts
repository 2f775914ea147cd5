/**
 * Ends attempts at their time limits.
 *
 * One loop for all of them: a timer for each would cost more than most attempts do. It sleeps until the earliest limit that it has seen. An
 * attempt that has ended by then is not found any more; one that is limited to an earlier moment wakes it.
 */
import * as Effect from "effect/Effect";
import * as Latch from "effect/Latch";
import type { MonotonicClock } from "./monotonic-clock.ts";
import type { AttemptEnd, RunningAttempt, RunningAttempts } from "./running-attempts.ts";

/** See the file's head. */
export interface TimeLimits {
  /** Never ends by itself. */
  readonly run: Effect.Effect<never>;
  /** Ends the attempt so when that time has passed, unless it has ended before. */
  readonly limit: (attempt: RunningAttempt, limitMs: number, end: AttemptEnd) => void;
}

/** The loop looks at least this often: a timer cannot be set for longer than some weeks. */
const longestSleepMs = 86_400_000;

/** What {@link makeTimeLimits} needs. */
export interface TimeLimitsOptions {
  readonly running: RunningAttempts;
  readonly now: MonotonicClock;
}

/** Makes the time limits of one worker. */
export function makeTimeLimits({ running, now }: TimeLimitsOptions): TimeLimits {
  /** When the loop looks next. */
  let nextMs = Infinity;
  const isEarlier = Latch.makeUnsafe(false);

  /** Ends what is due, and finds out when something will be. */
  const look = (): void => {
    const atMs = now();
    nextMs = Infinity;
    for (const attempt of running.all()) {
      if (!attempt.isOpen || attempt.limit === null) continue;
      if (attempt.limit.atMs <= atMs) attempt.end(attempt.limit.end);
      else nextMs = Math.min(nextMs, attempt.limit.atMs);
    }
  };

  const wait = Effect.suspend(() => {
    if (nextMs === Infinity) return isEarlier.await;
    // At least a millisecond: rounding must not make this spin.
    return Effect.timeoutOption(isEarlier.await, Math.max(1, Math.min(longestSleepMs, nextMs - now())));
  });

  return {
    run: Effect.forever(
      Effect.suspend(() => {
        isEarlier.closeUnsafe();
        look();
        return wait;
      }),
      { disableYield: true },
    ),
    limit(attempt, limitMs, end) {
      const atMs = now() + limitMs;
      attempt.limit = { atMs, end };
      if (atMs < nextMs) isEarlier.openUnsafe();
    },
  };
}
