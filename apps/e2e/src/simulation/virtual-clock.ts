import type { Clock } from "@raincheck/engine/memory";

interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** When virtual time begins, by the wall. */
const beganAt = Date.UTC(2001, 0, 1);

/** A time that passes when the simulation says so. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return beganAt + this.#nowMs;
  }

  wakeAfter(delayMs: number, fire: () => void): () => void {
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)), fire };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Moves the time and fires on the way what is due, each at its moment. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    while (this.fireNext(endMs));
    this.#nowMs = endMs;
  }

  /** Moves the time and fires nothing: what a process does that was frozen. What was due is late. */
  leap(ms: number): void {
    this.#nowMs += ms;
  }

  /** Fires the timer that is due first, if one is due by then, at its moment. */
  fireNext(untilMs: number): boolean {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.atMs <= untilMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
    if (next === undefined) return false;
    this.#timers.delete(next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.fire();
    return true;
  }
}
