/**
 * Holds back procedures that fail: when what they need is gone, a thousand calls must not ask for it as fast as they can.
 *
 * A procedure counts as failing when as many attempts in a row have failed in this worker as its policy allows in a second
 * (`retry.maxPerSecond`), and until one succeeds. While it does, an attempt needs a place, and there are so many places a second. The
 * claim asks for no more calls than there are places; the engine sets the others aside, so they hold no slot and hold up nobody.
 */
import type { Withheld } from "@raincheck/engine";
import type { RetryPolicy } from "@raincheck/protocol";
import type { MonotonicClock } from "./monotonic-clock.ts";

/** Places are given out at most so often, so that a failing procedure does not make the worker claim all the time. */
const roundMs = 100;

interface Failing {
  readonly perSecond: number;
  places: number;
  /** When `places` was counted. */
  atMs: number;
}

/** What a {@link FailingProcedures} needs. */
export interface FailingProceduresOptions {
  readonly now: MonotonicClock;
  /** A procedure has recovered: what was held back may be claimed. */
  readonly onRecovered: () => void;
}

/** See the file's head. */
export class FailingProcedures {
  readonly #now: MonotonicClock;
  readonly #onRecovered: () => void;
  readonly #failuresInARow = new Map<string, number>();
  readonly #failing = new Map<string, Failing>();

  constructor({ now, onRecovered }: FailingProceduresOptions) {
    this.#now = now;
    this.#onRecovered = onRecovered;
  }

  /** An attempt was claimed. */
  claimed(path: string): void {
    const failing = this.#failing.get(path);
    if (failing !== undefined) failing.places = this.#count(failing) - 1;
  }

  /** An attempt failed, in a way that is worth a retry. */
  failed(path: string, { maxPerSecond }: Pick<RetryPolicy, "maxPerSecond">): void {
    const failures = (this.#failuresInARow.get(path) ?? 0) + 1;
    this.#failuresInARow.set(path, failures);
    if (failures < maxPerSecond || this.#failing.has(path)) return;
    this.#failing.set(path, { perSecond: maxPerSecond, places: 0, atMs: this.#now() });
  }

  /** An attempt succeeded. */
  succeeded(path: string): void {
    this.#failuresInARow.delete(path);
    if (this.#failing.delete(path)) this.#onRecovered();
  }

  /** What a claim may take of failing procedures. */
  withheld(): readonly Withheld[] {
    return [...this.#failing].map(([path, failing]) => ({
      path,
      places: Math.max(0, Math.floor(this.#count(failing))),
      giveUpAfterMs: null,
    }));
  }

  /** How long until a procedure that has no place left has one again; `Infinity`: none waits for that. */
  nextPlaceInMs(): number {
    const waits = [...this.#failing.values()]
      .map((failing) => ({ failing, places: this.#count(failing) }))
      .filter(({ places }) => places < 1)
      .map(({ failing, places }) => Math.max(roundMs, ((1 - places) * 1_000) / failing.perSecond));
    return Math.min(...waits);
  }

  #count(failing: Failing): number {
    const nowMs = this.#now();
    const most = Math.max(1, (failing.perSecond * roundMs) / 1_000);
    failing.places = Math.min(most, failing.places + ((nowMs - failing.atMs) * failing.perSecond) / 1_000);
    failing.atMs = nowMs;
    return failing.places;
  }
}
