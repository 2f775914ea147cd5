/** Who wants to be woken for which key. A callback that throws harms no other. */
export class Subscribers {
  readonly #byKey = new Map<string, Set<() => void>>();

  /** Adds a callback; the returned function removes it. The same function may be added any number of times. */
  add(key: string, wake: () => void): () => void {
    // A function of its own for each subscription, so that two of one callback are two.
    const own = () => wake();
    const set = this.#byKey.get(key) ?? new Set();
    set.add(own);
    this.#byKey.set(key, set);
    return () => {
      set.delete(own);
      if (set.size === 0 && this.#byKey.get(key) === set) this.#byKey.delete(key);
    };
  }

  wake(key: string): void {
    for (const wake of this.#byKey.get(key) ?? []) {
      try {
        wake();
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
