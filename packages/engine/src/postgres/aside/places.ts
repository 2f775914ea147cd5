import type { ClaimRequest, Withheld } from "../../claim-request.ts";

/** How many calls of each withheld path a claim may still take. */
export class Places {
  readonly #left: Map<string, number>;
  readonly withheld: readonly Withheld[];

  constructor({ withheld = [] }: Pick<ClaimRequest, "withheld">) {
    this.withheld = withheld;
    this.#left = new Map(withheld.map(({ path, places }) => [path, places]));
  }

  /** At most `limit`. */
  of(path: string, limit: number): number {
    return Math.min(limit, this.#left.get(path) ?? limit);
  }

  take(path: string): void {
    const left = this.#left.get(path);
    if (left !== undefined) this.#left.set(path, Math.max(0, left - 1));
  }
}
