import type { Clock } from "../src/memory/index.ts";

interface Timer {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Time that stands still until a test moves it. The wall clock may be set apart from it. */
export class ManualClock implements Clock {
  /** 0 at first. */
  nowMs = 0;
  /** What the wall clock shows. */
  shownMs = Date.UTC(2026, 0, 1);
  readonly #timers = new Set<Timer>();

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.shownMs;
  }

  wakeAfter(delayMs: number, wake: () => void): () => void {
    if (!(delayMs >= 0)) throw new RangeError(`A timer of ${delayMs} ms.`);
    const timer = { dueMs: this.nowMs + delayMs, wake };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** When each timer that is set is due. */
  get timersMs(): readonly number[] {
    return [...this.#timers].map(({ dueMs }) => dueMs);
  }

  /** Moves both clocks on, and fires the timers that come due, each at its moment. */
  advance(ms: number): void {
    const toMs = this.nowMs + ms;
    for (let timer = this.#firstUntil(toMs); timer !== undefined; timer = this.#firstUntil(toMs)) {
      this.#timers.delete(timer);
      this.#moveTo(Math.max(this.nowMs, timer.dueMs));
      timer.wake();
    }
    this.#moveTo(toMs);
  }

  /** Moves both clocks on and fires nothing: the process was busy with something else. */
  advanceSilently(ms: number): void {
    this.#moveTo(this.nowMs + ms);
  }

  #moveTo(ms: number): void {
    this.shownMs += ms - this.nowMs;
    this.nowMs = ms;
  }

  #firstUntil(ms: number): Timer | undefined {
    return [...this.#timers].filter(({ dueMs }) => dueMs <= ms).toSorted((one, other) => one.dueMs - other.dueMs)[0];
  }
}
