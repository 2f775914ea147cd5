/**
 * What crosses the wire between a client and the `calls` procedures. Both sides type themselves with this file; that is all
 * they share.
 */
import type { CallEvent } from "./call-event.ts";
import type { CallId } from "./call-id.ts";
import type { CallState } from "./call-state.ts";
import type { Duration } from "./duration.ts";
import type { Failure } from "./failure.ts";

/** What the caller may say about one call; it overrides the procedure's policy where both speak. */
export interface StartOptions {
  /**
   * Names the call: the same key of the same principal and procedure gives the same call, for as long as it is retained;
   * with another input it is refused as `CONFLICT`. A call that is found so keeps what it was started with, its parent included: whoever
   * finds it carries neither deadline nor cancel to it. Default: none on the server; one per `defer` call on the client. A call that an
   * attempt starts, unless in a transaction, has one too: an attempt which goes on after a crash or a hand-back finds the calls of the
   * one before.
   */
  readonly idempotencyKey?: string | undefined;
  /** How long the call waits before its first attempt may begin. Default none. */
  readonly delay?: Duration | undefined;
  /** The longest time the call may wait for its first attempt, its `delay` included. Default: the policy's. */
  readonly startBy?: Duration | undefined;
  /** The longest time from the acceptance to the end. Default: the policy's. */
  readonly deadline?: Duration | undefined;
  /** A whole number from -1000 to 1000. Default: the policy's. */
  readonly priority?: number | undefined;
  /**
   * Of a call that an attempt starts: `true` lets it go its own way, without a parent, so that neither the parent's cancel nor its
   * deadline is carried to it. Says nothing of any other call. Default `false`.
   */
  readonly detached?: boolean | undefined;
}

/** A serialised handle: what names a call. It holds no secret and no right. */
export interface HandleJson {
  readonly id: CallId;
  readonly path: string;
}

/** Input of `calls.start`. */
export interface StartRequest {
  readonly path: string;
  readonly input?: unknown;
  readonly options?: StartOptions;
}

/** Output of `calls.start`. */
export interface StartedCall extends HandleJson {
  readonly state: CallState;
  /** `false` when the idempotency key named a call that existed. */
  readonly created: boolean;
  /** `true`: the procedure streams, its resolver is an `async function*`. Absent otherwise. */
  readonly streams?: boolean;
}

/** Input of `calls.watch`. */
export interface WatchRequest {
  readonly calls: readonly {
    readonly id: CallId;
    /** The `seq` of the last event that is known; the watch begins behind it. Default 0: from the first. */
    readonly after?: number;
  }[];
  /** Set by tRPC's links when they reconnect: the id of the last tracked event, `"<call id>:<seq>"`. */
  readonly lastEventId?: string;
}

/** One item of `calls.watch`. Events of one call come in order, each once per connection. */
export type WatchMessage<TOutput = unknown, TProgress = unknown, TYield = unknown> =
  | { readonly id: CallId; readonly event: CallEvent<TOutput, TProgress, TYield> }
  | {
      readonly id: CallId;
      /** `NOT_FOUND`: unknown, or another principal's. `UNKNOWN_CURSOR`: `after` is beyond the call's last event. */
      readonly refused: "NOT_FOUND" | "UNKNOWN_CURSOR";
    };

/** A call as it is now: output of `calls.get` and `calls.wait`. Times are ISO 8601 by the server's clock. */
export interface CallSnapshot<TOutput = unknown, TProgress = unknown> extends HandleJson {
  /** The call that started it and was not detached from; only while that is kept, and only if its principal is the reader. */
  readonly parent?: CallId;
  /** The call that it was made of, by a retry or a replay; only if its principal is the reader. That may be kept no more. */
  readonly repeats?: CallId;
  readonly state: CallState;
  /** The `seq` of its last event. */
  readonly seq: number;
  /** The number of the latest attempt; 0 before the first. */
  readonly attempt: number;
  /** The latest progress of the latest attempt; `null` when it has told none. */
  readonly progress: TProgress | null;
  readonly createdAt: string;
  /** When the first attempt began; `null` before. */
  readonly startedAt: string | null;
  /** `null` while it is open. */
  readonly endedAt: string | null;
  /** Only of a `succeeded` call. */
  readonly output?: TOutput;
  /** Only of a `failed` or `expired` call. */
  readonly failure?: Failure;
  /** Only of a `cancelled` call: what the canceller said; `null` if nothing. */
  readonly cancelReason?: string | null;
}

/** Input of `calls.get`. */
export interface GetRequest {
  readonly id: CallId;
}

/** Input of `calls.wait`: answers when the call has ended, or after `timeoutMs`, with the call as it is then. */
export interface WaitRequest {
  readonly id: CallId;
  /** In milliseconds, at most `limits.waitMs`. Default `limits.waitMs`. */
  readonly timeoutMs?: number;
}

/** Input of `calls.list`: the principal's own calls, the newest first. */
export interface ListRequest {
  readonly path?: string;
  readonly state?: CallState;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
  /** At most `limits.listedCalls`. Default 20. */
  readonly limit?: number;
}

/** Output of `calls.list`. The listed calls carry no output. */
export interface CallPage {
  readonly calls: readonly Omit<CallSnapshot, "output">[];
  /** `null` on the last page. */
  readonly nextCursor: string | null;
}

/** Input of `calls.cancel`. */
export interface CancelRequest {
  readonly id: CallId;
  /** For the caller and the log; at most `limits.cancelReasonChars` characters. */
  readonly reason?: string;
}

/** Output of `calls.cancel`. */
export interface CancelResult {
  /** `true` when this request ended the call, `false` when it had already ended. */
  readonly cancelled: boolean;
  /** The state of the call now. */
  readonly state: CallState;
}

/** Input of `calls.retry`. It answers as `calls.start` does: `created` is `false` when the call was retried before. */
export interface RetryRequest {
  /** Of a call that failed or expired. */
  readonly id: CallId;
}

/** Input of `calls.replay`. It answers as `calls.start` does. */
export interface ReplayRequest {
  /** Of a call that has ended. */
  readonly id: CallId;
  /** Names the replay: the same key of the same call gives the same replay, for as long as that is retained. Default: none, always a new one. */
  readonly idempotencyKey?: string;
}
