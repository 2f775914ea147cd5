/** Results that are waited for, by id. A result may be there before somebody waits for it. */
export class Pending {
  readonly #waiting = new Map<string, () => void>();
  readonly #early = new Set<string>();

  /** Resolves when the result of this id is there. */
  wait(id: string): Promise<void> {
    if (this.#early.delete(id)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** The result of this id is there. */
  done(id: string): void {
    const resolve = this.#waiting.get(id);
    if (resolve === undefined) this.#early.add(id);
    else if (this.#waiting.delete(id)) resolve();
  }
}
