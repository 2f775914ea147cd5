import { inTime } from "./not-in-time.ts";

/** Listens to wakes, so that a test can wait for the next one without missing it. Disposing unsubscribes. */
export class WakeListener implements Disposable {
  /** How many wakes have come. */
  count = 0;
  readonly #patienceMs: number;
  readonly #unsubscribe: () => void;
  #next = Promise.withResolvers<void>();

  constructor(subscribe: (wake: () => void) => () => void, patienceMs: number) {
    this.#patienceMs = patienceMs;
    this.#unsubscribe = subscribe(() => {
      this.count += 1;
      this.#next.resolve();
      this.#next = Promise.withResolvers();
    });
  }

  /**
   * Resolves when there have been more wakes than `seen`.
   *
   * @throws {NotInTime}
   */
  async beyond(seen: number, what: string): Promise<void> {
    while (this.count <= seen) await inTime(this.#next.promise, `a wake (${what})`, this.#patienceMs);
  }

  /** Unsubscribes; what has come stays counted. */
  [Symbol.dispose](): void {
    this.#unsubscribe();
  }
}
