import type { WakeHint } from "../../wake-hint.ts";

/** Is called when something has changed. */
export type Wake = (hint: WakeHint) => void;

/** Who wants to be woken for which key. A callback that throws harms no other. */
export class Subscribers {
  readonly #byKey = new Map<string, Set<Wake>>();

  /** Adds a callback; the returned function removes it. The same function may be added any number of times. */
  add(key: string, wake: Wake): () => void {
    // A function of its own for each subscription, so that two of one callback are two.
    const own: Wake = (hint) => wake(hint);
    const set = this.#byKey.get(key) ?? new Set<Wake>();
    set.add(own);
    this.#byKey.set(key, set);
    return () => {
      set.delete(own);
      if (set.size === 0 && this.#byKey.get(key) === set) this.#byKey.delete(key);
    };
  }

  wake(key: string, hint: WakeHint = "unknown"): void {
    for (const wake of this.#byKey.get(key) ?? []) {
      try {
        wake(hint);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  wakeAll(): void {
    for (const key of this.keys()) this.wake(key);
  }

  keys(): string[] {
    return [...this.#byKey.keys()];
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }
}
