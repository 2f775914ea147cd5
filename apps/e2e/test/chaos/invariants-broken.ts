import type { Evidence } from "../../src/chaos/check/evidence.ts";
import { type Ending, checkLiveness } from "../../src/chaos/check/liveness.ts";
import { checkSafety } from "../../src/chaos/check/safety.ts";

const ending: Ending = { drained: true, listen: true, workers: ["worker-1"], connections: { open: 4, most: 12 } };

/** The names of the promises that a run has broken, by its evidence and how it ended. */
export function invariantsBroken(evidence: Evidence, change: Partial<Ending> = {}): string[] {
  const violations = [...checkSafety(evidence), ...checkLiveness(evidence, { ...ending, ...change })];
  return [...new Set(violations.map(({ invariant }) => invariant))].sort();
}
