import type { CallEvent, CallId, CallState, Failure } from "@raincheck/protocol";
import type { Payload } from "./payload.ts";

/** Who asks. A call is seen by its own principal; an anonymous call (`principal: null`) by everybody who holds its id. */
export interface Reader {
  readonly principal: string | null;
}

/** A call as the ledger has it. Payloads are still encoded. */
export interface CallRecord {
  readonly id: CallId;
  readonly path: string;
  readonly queue: string;
  readonly principal: string | null;
  /** Its parent, while that is kept, if the reader is its principal: whoever holds the id of an anonymous call has rights to it. */
  readonly parent: CallId | null;
  /** The call that it repeats, if the reader is its principal. That may be kept no more. */
  readonly repeats: CallId | null;
  /** The call whose end it tells, if it is a reply; it has its reply queue's principal. That may be kept no more. */
  readonly tells: CallId | null;
  readonly state: CallState;
  readonly seq: number;
  readonly attempt: number;
  readonly progress: Payload | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Only when `succeeded`. */
  readonly output: Payload | null;
  /** Only when `failed` or `expired`. */
  readonly failure: Failure | null;
  /** Only when `cancelled`. */
  readonly cancelReason: string | null;
}

/** An event as the ledger has it. */
export type StoredEvent = CallEvent<Payload, Payload, Payload>;

/** What `Engine.list` wants: the reader's own calls, the newest first. An anonymous reader has none. */
export interface ListQuery {
  readonly path: string | null;
  readonly state: CallState | null;
  /** Replies that tell of this call. Default: any call. */
  readonly tells?: CallId | undefined;
  /** The cursor of the page before; `null`: from the newest. */
  readonly cursor: string | null;
  readonly limit: number;
}

/** A page of `Engine.list`; the records carry no output. */
export interface ListPage {
  readonly calls: readonly CallRecord[];
  /** `null` on the last page. */
  readonly nextCursor: string | null;
}

/**
 * A page of events is full once the values that they hold come to so many bytes; an output, which is the last, is not counted. So whoever
 * follows calls that stream holds little in memory, however slowly it reads.
 */
export const eventPageBytes = 262_144;

/** The events of one call behind a cursor. */
export interface EventPage {
  /** The `seq` of the call's last event; below the cursor when the cursor is not the call's. */
  readonly lastSeq: number;
  /** In order of `seq`, without gaps; it may end before `lastSeq` when there are many, or what they hold is large. */
  readonly events: readonly StoredEvent[];
}
