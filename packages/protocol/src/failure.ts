/**
 * What of an error crosses the wire and is stored: never a stack, never a cause, never the message of an error that was
 * not meant for the caller.
 */
export interface Failure {
  /**
   * A stable code: one of {@link FailureCode}, or the tRPC error code (`"FORBIDDEN"`) or the application's own code
   * that the resolver threw.
   */
  readonly code: string;
  /** For people; at most `limits.failureMessageChars` characters. */
  readonly message: string;
  /** What the application declared with `new FinalError(message, { data })`: small JSON. Absent otherwise. */
  readonly data?: unknown;
  /** Names the entry in the worker's log that holds the error itself. Absent when the message is the whole story. */
  readonly errorId?: string;
}

/**
 * The failure codes that Raincheck itself gives.
 *
 * - `INTERNAL_SERVER_ERROR`: an unexpected error, after the last attempt.
 * - `TIMED_OUT`: the last attempt exceeded the policy's `timeout`.
 * - `POISON`: three attempts were lost: their workers died, or were silent for a whole lease.
 * - `OUTPUT_NOT_STORABLE`, `OUTPUT_TOO_LARGE`: the resolver returned what cannot be kept.
 * - `YIELD_NOT_STORABLE`, `YIELD_TOO_LARGE`: the resolver yielded what cannot be kept.
 * - `TOO_MANY_YIELDS`: the attempt yielded more than the policy's `maxYields` or `maxYieldedBytes`; the message names which.
 * - `INPUT_NOT_READABLE`: the stored input does not decode with this worker's transformer.
 * - `CONTEXT_REFUSED`: `restore` threw, so the attempt had no right to run.
 * - `UNKNOWN_PROCEDURE`: no worker had the procedure.
 * - `START_BY_PASSED`, `DEADLINE_PASSED`: the call expired.
 */
export type FailureCode =
  | "INTERNAL_SERVER_ERROR"
  | "TIMED_OUT"
  | "POISON"
  | "OUTPUT_NOT_STORABLE"
  | "OUTPUT_TOO_LARGE"
  | "YIELD_NOT_STORABLE"
  | "YIELD_TOO_LARGE"
  | "TOO_MANY_YIELDS"
  | "INPUT_NOT_READABLE"
  | "CONTEXT_REFUSED"
  | "UNKNOWN_PROCEDURE"
  | "START_BY_PASSED"
  | "DEADLINE_PASSED";
