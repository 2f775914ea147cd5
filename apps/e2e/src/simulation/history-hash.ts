/** A sum of everything that happened, in its order: two runs with the same sum were the same run. */
export class HistoryHash {
  #low = 0x811c9dc5;
  #high = 0x1b873593;

  /** Adds a sentence. */
  add(text: string): void {
    for (let at = 0; at < text.length; at++) this.#mix(text.charCodeAt(at));
    this.#mix(0x1f);
  }

  /** The sum so far, as 16 hexadecimal digits. */
  get value(): string {
    return [this.#high, this.#low].map((part) => (part >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #mix(code: number): void {
    this.#low = Math.imul(this.#low ^ code, 16_777_619);
    this.#high = Math.imul(this.#high ^ (this.#low >>> 13) ^ code, 0x5bd1e995);
  }
}
