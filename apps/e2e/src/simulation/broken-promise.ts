import { hasTag } from "@raincheck/protocol";

/** Thrown at the first moment at which the product has not done what it promises. */
export class BrokenPromise extends Error {
  readonly _tag = "BrokenPromise";
  /** As in `docs/faults.md`: I1 to I11, L1 and L2. */
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.name = "BrokenPromise";
    this.invariant = invariant;
  }
}

/**
 * Demands that a promise holds.
 *
 * @param message made only when it does not.
 * @throws {BrokenPromise} when it does not.
 */
export function promised(holds: boolean, invariant: string, message: () => string): asserts holds {
  if (!holds) throw new BrokenPromise(invariant, message());
}

/** Which promise an error says to be broken. One that nobody has foreseen breaks L6, and is told with its seed like any other. */
export function brokenBy(error: unknown): Pick<BrokenPromise, "invariant" | "message"> {
  if (hasTag(error, "BrokenPromise") && "invariant" in error) return { invariant: String(error.invariant), message: error.message };
  return { invariant: "L6", message: `L6: ${error instanceof Error ? error.stack : String(error)}` };
}
