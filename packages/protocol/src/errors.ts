/**
 * The errors of Raincheck. Each carries a stable `_tag`, and is recognised by it: `instanceof` fails across two copies of a
 * package and across a wire. The codes are stable too.
 */
import type { CallId } from "./call-id.ts";
import { type Duration, toCappedMs } from "./duration.ts";
import type { Failure } from "./failure.ts";

/**
 * Whether a value is an error with this tag, whichever copy of the package made it. Never throws: anything can be thrown, a
 * revoked proxy and an object with a throwing getter included.
 */
export function hasTag<TTag extends string>(value: unknown, tag: TTag): value is Error & { readonly _tag: TTag } {
  try {
    return typeof value === "object" && value !== null && "_tag" in value && value._tag === tag;
  } catch {
    return false;
  }
}

/**
 * Thrown in a resolver: the call ends as `failed` at once, whatever the retry policy says, and the caller sees this
 * message, code and data.
 */
export class FinalError extends Error {
  readonly _tag = "FinalError";
  readonly code: string;
  readonly data: unknown;

  /**
   * @param message for the caller; cut at `limits.failureMessageChars` characters.
   * @param options.code stable, for programs. Default `"FAILED"`.
   * @param options.data small JSON for programs; at most `limits.failureDataBytes` bytes. Default none.
   * @param options.cause for the worker's log only.
   */
  constructor(message: string, options: { code?: string; data?: unknown; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "FinalError";
    this.code = options.code ?? "FAILED";
    this.data = options.data;
  }
}

/** Thrown in a resolver: this attempt failed, and the next may begin after the given time instead of the policy's. */
export class RetryError extends Error {
  readonly _tag = "RetryError";
  readonly code: string;
  /** `undefined` leaves it to the policy. */
  readonly after: Duration | undefined;

  /**
   * @param options.after how long to wait before the next attempt, as a `Duration`; one of more than a hundred years counts as a hundred.
   *   Default: the policy's delay.
   * @param options.message for the caller, if this was the last attempt. Default `"The attempt asked to be retried."`.
   * @param options.code stable, for programs. Default `"RETRY"`.
   * @param options.cause for the worker's log only.
   * @throws {InvalidOption} when `after` is not a duration.
   */
  constructor(options: { after?: Duration; message?: string; code?: string; cause?: unknown } = {}) {
    super(options.message ?? "The attempt asked to be retried.", { cause: options.cause });
    if (options.after !== undefined) toCappedMs(options.after, "after");
    this.name = "RetryError";
    this.code = options.code ?? "RETRY";
    this.after = options.after;
  }
}

/** Why an attempt was told to stop. */
export type AbortReason = "timed-out" | "cancelled" | "expired" | "lost" | "shutdown";

/** The `reason` of the `signal` that a resolver gets, when an attempt must stop before its end. */
export class AttemptAborted extends Error {
  readonly _tag = "AttemptAborted";
  /**
   * - `timed-out`: the policy's `timeout` passed.
   * - `cancelled`, `expired`: the call has ended; nothing that the attempt still does is kept.
   * - `lost`: the lease ended, so another worker may run the call by now.
   * - `shutdown`: the worker stops; the call goes back to the queue without spending an attempt.
   */
  readonly reason: AbortReason;

  constructor(reason: AbortReason) {
    super(`The attempt must stop: ${reason}.`);
    this.name = "AttemptAborted";
    this.reason = reason;
  }
}

/** A call as an error about its end names it. */
export interface EndedCall {
  readonly id: CallId;
  readonly path: string;
}

/** `handle.result()` of a call that ended as `failed`. */
export class CallFailed extends Error {
  readonly _tag = "CallFailed";
  /** The failure's code. */
  readonly code: string;
  readonly failure: Failure;
  readonly call: EndedCall;

  constructor(call: EndedCall, failure: Failure) {
    super(failure.message);
    this.name = "CallFailed";
    this.code = failure.code;
    this.failure = failure;
    this.call = call;
  }
}

/** `handle.result()` of a call that was cancelled. */
export class CallCancelled extends Error {
  readonly _tag = "CallCancelled";
  readonly code = "CANCELLED";
  /** What the canceller said; `null` if nothing. */
  readonly reason: string | null;
  readonly call: EndedCall;

  constructor(call: EndedCall, reason: string | null) {
    super(`The call of ${call.path} was cancelled${reason === null ? "." : `: ${reason}`}`);
    this.name = "CallCancelled";
    this.reason = reason;
    this.call = call;
  }
}

/** `handle.result()` of a call whose time ran out. */
export class CallExpired extends Error {
  readonly _tag = "CallExpired";
  /** `"START_BY_PASSED"` or `"DEADLINE_PASSED"`. */
  readonly code: string;
  readonly failure: Failure;
  readonly call: EndedCall;

  constructor(call: EndedCall, failure: Failure) {
    super(failure.message);
    this.name = "CallExpired";
    this.code = failure.code;
    this.failure = failure;
    this.call = call;
  }
}
