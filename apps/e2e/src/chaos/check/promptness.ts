/** How soon things must happen. Judged only where nothing but SIGKILL delays them: what is silent or away cannot be told anything. */
import type { FaultKind } from "../fault-kind.ts";
import type { Figures, Percentiles } from "../figures.ts";
import type { Violation } from "./evidence.ts";

/** What decides what is due when. */
export interface Circumstances {
  /** The faults that the nemesis chose from. */
  readonly faults: readonly FaultKind[];
  readonly leaseMs: number;
  readonly listen: boolean;
}

/** The lease has begun again at most a quarter of it before the kill; half of it more is for the keepers, and for whoever is free. */
const redispatchLeases = 1.5;
const cancelToldMs = 1_000;
/** The poll, and a fifth of it. */
const polledDeliveryMs = 1_200;
/** Fewer say nothing of a percentile. */
const leastCount = 20;

/** L7: of a hundred lost calls, cancels and ends, ninety-nine are taken up, and told, in time. */
export function checkPromptness(figures: Figures, { faults, leaseMs, listen }: Circumstances): Violation[] {
  if (faults.some((fault) => fault !== "sigkill")) return [];
  const judged: [string, Percentiles, number][] = [["SIGKILL to next attempt", figures.redispatchMs, leaseMs * redispatchLeases]];
  if (listen) judged.push(["cancel to signal", figures.cancelToldMs, cancelToldMs]);
  else judged.push(["end to client", figures.deliveryMs, polledDeliveryMs]);
  return judged
    .filter(([, { p99, count }, mostMs]) => count >= leastCount && p99 !== null && p99 > mostMs)
    .map(([subject, { p99, count }, mostMs]) => ({
      invariant: "L7",
      subject,
      message: `took up to ${p99} ms for 99 of a hundred, of ${count}, and may take ${mostMs} ms`,
    }));
}
