import type { Failure } from "./failure.ts";

/** Why a call went back to the queue. */
export type RetryReason = "failed" | "timed-out" | "handed-back" | "lost";

interface Numbered {
  /** The event's number within its call: from 1, without gaps. It is the cursor for following a call. */
  readonly seq: number;
  /** When it happened by the server's clock: ISO 8601, UTC, with milliseconds. */
  readonly at: string;
}

/** The call was accepted. */
export interface QueuedEvent extends Numbered {
  readonly type: "queued";
}

/** An attempt began. */
export interface StartedEvent extends Numbered {
  readonly type: "started";
  /** From 1. */
  readonly attempt: number;
}

/** The attempt told how far it is. The latest value wins: one that is overtaken before it is written is not kept. */
export interface ProgressEvent<TProgress = unknown> extends Numbered {
  readonly type: "progress";
  readonly attempt: number;
  readonly value: TProgress;
}

/**
 * A value that the attempt's `async function*` yielded. Each is kept, equal ones too, and comes once. Those of an attempt that did not
 * succeed carry its number, so that whoever follows can drop them.
 */
export interface YieldedEvent<TYield = unknown> extends Numbered {
  readonly type: "yielded";
  readonly attempt: number;
  readonly value: TYield;
}

/** The attempt ended without ending the call: it is queued again. */
export interface RetryingEvent extends Numbered {
  readonly type: "retrying";
  readonly attempt: number;
  readonly reason: RetryReason;
  /** What the attempt failed with; `null` for `handed-back` and `lost`, which are nobody's failure. */
  readonly failure: Failure | null;
  /** How long until the next attempt may begin, in milliseconds. */
  readonly delayMs: number;
}

/** The call ended with an output. */
export interface SucceededEvent<TOutput = unknown> extends Numbered {
  readonly type: "succeeded";
  readonly attempt: number;
  readonly output: TOutput;
}

/** The call ended with a failure. */
export interface FailedEvent extends Numbered {
  readonly type: "failed";
  /** The attempt that failed last; 0 when none ever began. */
  readonly attempt: number;
  readonly failure: Failure;
}

/** The call was cancelled. */
export interface CancelledEvent extends Numbered {
  readonly type: "cancelled";
  /** What the canceller said; `null` if nothing. */
  readonly reason: string | null;
}

/** The call's time ran out: `START_BY_PASSED` or `DEADLINE_PASSED`. */
export interface ExpiredEvent extends Numbered {
  readonly type: "expired";
  readonly failure: Failure;
}

/**
 * One numbered fact about a call.
 *
 * @typeParam TOutput the procedure's output.
 * @typeParam TProgress what the resolver passes to `ctx.call.progress()`.
 * @typeParam TYield what the resolver yields, if it is an `async function*`; `never`: it is none, and there are no `yielded` events.
 */
export type CallEvent<TOutput = unknown, TProgress = unknown, TYield = unknown> =
  | QueuedEvent
  | StartedEvent
  | ProgressEvent<TProgress>
  | ([TYield] extends [never] ? never : YieldedEvent<TYield>)
  | RetryingEvent
  | SucceededEvent<TOutput>
  | FailedEvent
  | CancelledEvent
  | ExpiredEvent;

/** The names of the events. */
export type CallEventType = CallEvent["type"];
