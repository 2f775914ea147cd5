/** Whether a run has met what it is meant to withstand. One that has not proves nothing, however well it ended. */
import type { HistoryEntry } from "../history.ts";
import type { FaultKind } from "../fault-kind.ts";
import { type Violation, sightsOf } from "./evidence.ts";

/** Each fault with what it must have led to, once it was done often enough. */
const traces: Partial<Record<FaultKind, { readonly kind: "fenced" | "reconnected" | "answer-lost"; readonly missing: string }>> = {
  sigstop: { kind: "fenced", missing: "no attempt that had lost its call has tried to write" },
  cut: { kind: "reconnected", missing: "nobody has connected again" },
  lostAnswer: { kind: "answer-lost", missing: "the answer to no commit was lost" },
};

/** Fewer of a fault may well have met nothing. */
const leastFaults = 5;

/** N: what was done has had its effect. */
export function checkProof(history: readonly HistoryEntry[]): Violation[] {
  const faults = sightsOf(history, "fault");
  return Object.entries(traces).flatMap(([fault, { kind, missing }]) => {
    const count = faults.filter((one) => one.fault === fault).length;
    if (count < leastFaults || sightsOf(history, kind).length > 0) return [];
    return [{ invariant: "N", subject: fault, message: `was done ${count} times, and ${missing}` }];
  });
}
