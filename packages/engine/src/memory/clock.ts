/** The time that the memory engine lives by. Tests give one that they move themselves. */
export interface Clock {
  /** Milliseconds from any fixed moment, never going back: what durations are measured with. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01 UTC: what events are dated with. */
  wallMs(): number;
  /**
   * Calls back once, when the time has passed, or earlier if the delay is longer than a timer can take.
   *
   * @returns forgets it.
   */
  wakeAfter(delayMs: number, wake: () => void): () => void;
}

/** The longest delay that `setTimeout` takes; it turns a longer one into 1 ms. */
const longestTimerMs = 2 ** 31 - 1;

/** The process's own time. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  wakeAfter(delayMs, wake) {
    // Rounded up: a timer that is early by a part of a millisecond would find nothing due and be set again.
    const timer = setTimeout(wake, Math.min(Math.ceil(delayMs), longestTimerMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** One reading of both clocks. */
export interface Moment {
  /** By the monotonic clock: what is compared. */
  readonly ms: number;
  /** By the wall clock, in ISO 8601: what is shown. */
  readonly at: string;
}

/** Reads both clocks. */
export function momentOf(clock: Clock): Moment {
  return { ms: clock.monotonicMs(), at: new Date(clock.wallMs()).toISOString() };
}
