import type { Random } from "../../chaos/random.ts";
import type { VirtualClock } from "../virtual-clock.ts";

/** A timer's handle: nothing in virtual time keeps a process alive. */
interface VirtualTimer {
  readonly cancel: () => void;
  ref(): VirtualTimer;
  unref(): VirtualTimer;
  [Symbol.toPrimitive](): number;
}

/**
 * From now on, this process lives in virtual time and draws from a seed: its timers, its clocks, `Math.random` and `crypto.randomUUID`.
 * What the client, the server and the worker's runtime do with time goes through these. `setImmediate` stays: it is how the event loop turns.
 */
export function liveVirtually(clock: VirtualClock, random: Random): void {
  let timers = 0;
  const timerOf = (cancel: () => void): VirtualTimer => {
    const number = ++timers;
    const timer: VirtualTimer = { cancel, ref: () => timer, unref: () => timer, [Symbol.toPrimitive]: () => number };
    return timer;
  };
  const setTimeout = (fire: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): VirtualTimer =>
    timerOf(clock.wakeAfter(Math.max(1, ms), () => fire(...args)));
  // Intervals in the product are long and do nothing: they keep a process alive.
  const setInterval = (): VirtualTimer => timerOf(() => undefined);
  const clear = (timer: VirtualTimer | undefined): void => timer?.cancel();
  Object.assign(globalThis, { setTimeout, clearTimeout: clear, setInterval, clearInterval: clear });
  Object.assign(performance, { now: () => clock.monotonicMs() });
  Object.assign(process.hrtime, { bigint: () => BigInt(clock.monotonicMs()) * 1_000_000n });
  Date.now = () => clock.wallMs();
  Math.random = () => random.next();
  crypto.randomUUID = () => {
    const part = (digits: number): string =>
      random
        .below(16 ** digits)
        .toString(16)
        .padStart(digits, "0");
    return `${part(8)}-${part(4)}-4${part(3)}-8${part(3)}-${part(6)}${part(6)}`;
  };
}
