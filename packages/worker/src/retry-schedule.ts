import type { RetryPolicy } from "@raincheck/protocol";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Random from "effect/Random";
import * as Schedule from "effect/Schedule";

/** The part of a retry policy that decides on delays. */
export type DelayPolicy = Pick<RetryPolicy, "initialDelayMs" | "factor" | "maxDelayMs" | "jitter">;

/**
 * The delays of a retry policy: the k-th is `initialDelay × factor^(k-1)`, at most `maxDelay`; with jitter it is drawn evenly from
 * 0 up to that. It never ends: how many attempts there are is not the schedule's to know.
 *
 * Full jitter, because the calls that failed together would otherwise come back together: see "Exponential Backoff And Jitter",
 * AWS Architecture Blog, 2015.
 */
function retrySchedule(policy: DelayPolicy): Schedule.Schedule<Duration.Duration> {
  const capped = Schedule.exponential(policy.initialDelayMs, policy.factor).pipe(
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.millis(policy.maxDelayMs)))),
  );
  if (!policy.jitter) return capped;
  return capped.pipe(Schedule.modifyDelay(({ duration }) => Effect.map(Random.next, (random) => Duration.toMillis(duration) * random)));
}

/**
 * The delay after a number of failures, in whole milliseconds: the schedule is stepped, not slept through, because the engine keeps
 * the time until the next attempt.
 *
 * @param failures from 1: the failures so far, the one just now included.
 */
export const retryDelayMs = Effect.fnUntraced(function* (policy: DelayPolicy, failures: number) {
  const step = yield* Schedule.toStep(retrySchedule(policy));
  let delay = Duration.zero;
  for (let failure = 1; failure <= failures; failure++) {
    // The schedule never ends, so its `Done` cannot happen.
    [, delay] = yield* Effect.orDie(step(0, undefined));
  }
  return Math.round(Duration.toMillis(delay));
});
