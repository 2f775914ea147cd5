import type { Clock as EngineClock } from "@raincheck/engine/memory";
import * as EffectClock from "effect/Clock";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { CpuClock } from "../src/late-loop.ts";

interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** Enough turns of the event loop for everything that needs no time: there is no I/O in these tests, only promises and fibers. */
const turnsToSettle = 12;

/** Lets everything happen that needs no time. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < turnsToSettle; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * One time for the engine and for Effect, which moves when the test says so. Effect's own `TestClock` would leave the engine behind:
 * two clocks that are moved one after the other show leases that end too early or too late.
 */
export class VirtualTime {
  #nowMs = 1_000_000;
  #cpuMs = 0;
  readonly #timers = new Set<Timer>();

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many timers are set: what is left of finished work would show here. */
  get timers(): number {
    return this.#timers.size;
  }

  /** For `memoryEngine({ clock })`. */
  readonly engineClock: EngineClock = {
    monotonicMs: () => this.#nowMs,
    wallMs: () => Date.UTC(2001, 0, 1) + this.#nowMs,
    wakeAfter: (delayMs, wake) => this.#set(delayMs, wake),
  };

  /** For the worker. */
  get layer(): Layer.Layer<never> {
    const nanos = (): bigint => BigInt(Math.round(this.#nowMs * 1e6));
    const clock = Layer.succeed(EffectClock.Clock, {
      currentTimeMillisUnsafe: () => this.#nowMs,
      currentTimeMillis: Effect.sync(() => this.#nowMs),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: nanos,
      monotonicTimeNanos: Effect.sync(nanos),
      sleep: (duration) =>
        Effect.callback((resume) => {
          const cancel = this.#set(Duration.toMillis(duration), () => resume(Effect.void));
          return Effect.sync(cancel);
        }),
    });
    return Layer.merge(
      clock,
      Layer.succeed(CpuClock, () => this.#cpuMs),
    );
  }

  /**
   * Lets time pass while nothing can happen: what a resolver that computes does to its process. What was due is late by then.
   *
   * @param cpuMs the CPU time that the process has meanwhile. Default: all of it.
   */
  freeze(ms: number, cpuMs = ms): void {
    this.#nowMs += ms;
    this.#cpuMs += cpuMs;
  }

  /** Moves the time, and at each moment on the way lets everything happen that is due then. */
  async advance(ms: number): Promise<void> {
    await settled();
    const endMs = this.#nowMs + ms;
    for (let timer = this.#nextUntil(endMs); timer !== undefined; timer = this.#nextUntil(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      this.#timers.delete(timer);
      timer.fire();
      await settled();
    }
    this.#nowMs = endMs;
    await settled();
  }

  #set(delayMs: number, fire: () => void): () => void {
    if (!Number.isFinite(delayMs)) return () => {};
    // Whole milliseconds, like a real timer: sums of fractions would drift apart from what the test counts.
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)), fire };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  #nextUntil(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.atMs <= endMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
    return next;
  }
}
