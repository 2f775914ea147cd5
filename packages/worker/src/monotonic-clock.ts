import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";

/** Milliseconds from a fixed moment, never going back. What the worker measures with: a wall clock may jump. */
export type MonotonicClock = () => number;

/** The monotonic side of Effect's clock, so that a test's clock moves it too. */
export const monotonicClock: Effect.Effect<MonotonicClock> = Clock.clockWith((clock) =>
  Effect.succeed(() => Number(clock.monotonicTimeNanosUnsafe()) / 1e6),
);
