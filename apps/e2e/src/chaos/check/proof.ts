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

/** What many calls must have met, whatever the faults: a promise that nothing tried is not kept. */
const troubles: Readonly<Record<string, (sight: HistoryEntry) => boolean>> = {
  "a reply whose consumer throws": ({ kind }) => kind === "reply-thrown",
  "a webhook that is refused": (sight) => sight.kind === "posted" && sight.answer === "refused",
  "a webhook whose connection is dropped": (sight) => sight.kind === "posted" && sight.answer === "dropped",
  "a webhook that is not answered": (sight) => sight.kind === "posted" && sight.answer === "hung",
  "a stream that is told by a second attempt": (sight) => sight.kind === "heard" && sight.attempt > 1,
  "a retry": (sight) => sight.kind === "repeated" && sight.key === null,
  "a replay": (sight) => sight.kind === "repeated" && sight.key !== null,
};

/** Fewer calls may well have met nothing. */
const leastCalls = 1_000;

/** N: what was done has had its effect, and what the load is to bring has come. */
export function checkProof(history: readonly HistoryEntry[]): Violation[] {
  return [...withoutEffect(history), ...unmet(history)];
}

function unmet(history: readonly HistoryEntry[]): Violation[] {
  if (sightsOf(history, "accepted").length < leastCalls) return [];
  return Object.entries(troubles)
    .filter(([, isMet]) => !history.some(isMet))
    .map(([subject]) => ({ invariant: "N", subject, message: "has not come about" }));
}

function withoutEffect(history: readonly HistoryEntry[]): Violation[] {
  const faults = sightsOf(history, "fault");
  return Object.entries(traces).flatMap(([fault, { kind, missing }]) => {
    const count = faults.filter((one) => one.fault === fault).length;
    if (count < leastFaults || sightsOf(history, kind).length > 0) return [];
    return [{ invariant: "N", subject: fault, message: `was done ${count} times, and ${missing}` }];
  });
}
