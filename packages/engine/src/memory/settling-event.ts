import type { CallEvent, Failure } from "@raincheck/protocol";
import type { Settlement } from "../attempt.ts";
import type { StoredEvent } from "../call-record.ts";
import type { Payload } from "../payload.ts";

/** What an event says, before it is numbered and dated. */
export type EventBody =
  CallEvent<Payload, Payload, Payload> extends infer TEvent ? (TEvent extends StoredEvent ? Omit<TEvent, "seq" | "at"> : never) : never;

/** The event that tells of a settlement. */
export function settlingEvent(attempt: number, settlement: Settlement): EventBody {
  switch (settlement.type) {
    case "succeeded":
      return { type: "succeeded", attempt, output: settlement.output };
    case "failed":
      return { type: "failed", attempt, failure: stored(settlement.failure) };
    case "retrying":
      return {
        type: "retrying",
        attempt,
        reason: settlement.reason,
        failure: settlement.failure === null ? null : stored(settlement.failure),
        delayMs: settlement.delayMs,
      };
    case "unknown":
      return { type: "retrying", attempt, reason: "handed-back", failure: null, delayMs: 0 };
    default:
      return settlement satisfies never;
  }
}

/** A copy as a ledger would keep it: apart from the caller's own object, and without what JSON does not have. */
function stored(failure: Failure): Failure {
  return JSON.parse(JSON.stringify(failure)) as Failure;
}
