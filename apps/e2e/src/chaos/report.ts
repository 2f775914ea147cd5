/** What a run writes: its figures, and the promises that were broken. */
import { type Evidence, type Violation, groupBy, sightsOf } from "./check/evidence.ts";
import { type FaultKind, faultKinds } from "./fault-kind.ts";
import type { Figures } from "./figures.ts";

/** What `--json` writes of a chaos run. */
export interface ChaosReport extends Figures {
  readonly seconds: number;
  readonly seed: number;
  readonly leaseMs: number;
  readonly listen: boolean;
  readonly callsAccepted: number;
  readonly faults: Readonly<Record<FaultKind, number>>;
  /** Calls that were accepted and are gone, or have not ended. */
  readonly lost: number;
  /** Calls whose effect is there more than once. */
  readonly doubleCommits: number;
  /** Ends that somebody was told wrongly, or that were told to a stranger. */
  readonly wrongDeliveries: number;
  /** Attempts whose writes the fence refused. */
  readonly fenceRejections: number;
  /** Connections that were made again over a link that was cut. */
  readonly reconnects: number;
  /** COMMITs whose answer was lost. */
  readonly ambiguousCommits: number;
  /** Requests that nobody answered, and that were sent again. */
  readonly unansweredRequests: number;
  /** Values that followers were told of the streaming procedure. */
  readonly yieldsHeard: number;
  /** Calls that were made of others, by retries and replays. */
  readonly repetitions: number;
  /** Rows that the consumer of the reply queue has written, and how often it has thrown. */
  readonly replies: number;
  readonly repliesThrown: number;
  /** Calls whose end the webhook's endpoint has taken, and how often it has received one and not taken it. */
  readonly webhooks: number;
  readonly webhooksNotTaken: number;
  readonly violations: readonly Violation[];
}

/** What only the run itself knows. */
export interface RunFacts extends Pick<ChaosReport, "seconds" | "seed" | "leaseMs" | "listen" | "violations"> {
  readonly figures: Figures;
}

/** Makes the report of a run. */
export function makeReport(evidence: Evidence, facts: RunFacts): ChaosReport {
  const { history, effects, calls, replies } = evidence;
  const { figures, violations, ...told } = facts;
  const faults = sightsOf(history, "fault");
  const of = (...invariants: string[]): number => violations.filter(({ invariant }) => invariants.includes(invariant)).length;
  const transactionalEffects = groupBy(effects, ({ id }) => id);
  const posted = sightsOf(history, "posted");
  const taken = posted.filter(({ answer }) => answer === "taken");
  return {
    ...told,
    callsAccepted: new Set(sightsOf(history, "accepted").map(({ id }) => id)).size,
    faults: Object.fromEntries(faultKinds.map((kind) => [kind, faults.filter(({ fault }) => fault === kind).length])) as Record<
      FaultKind,
      number
    >,
    lost: of("I1", "L1"),
    doubleCommits: calls.filter(({ id }) => (transactionalEffects.get(id)?.length ?? 0) > 1).length,
    wrongDeliveries: of("I6", "I9"),
    fenceRejections: sightsOf(history, "fenced").length,
    reconnects: sightsOf(history, "reconnected").length,
    ambiguousCommits: sightsOf(history, "answer-lost").length,
    unansweredRequests: sightsOf(history, "unanswered").length,
    yieldsHeard: sightsOf(history, "heard").length,
    repetitions: calls.filter(({ repeats, tells }) => repeats !== null && tells === null).length,
    replies: replies.length,
    repliesThrown: sightsOf(history, "reply-thrown").length,
    webhooks: new Set(taken.map(({ call }) => call)).size,
    webhooksNotTaken: posted.length - taken.length,
    ...figures,
    violations,
  };
}
