/**
 * How an attempt ended.
 *
 * - `succeeded`, `failed`, `timed-out`: the attempt's own end, and it was settled.
 * - `handed-back`: the call went back to the queue without spending an attempt.
 * - `cancelled`, `expired`, `lost`: the attempt was told to stop, and what it did was dropped.
 * - `stale`: it ended, but the call was no longer its own; what it did was dropped.
 * - `unsettled`: it ended, but the ledger did not take the result before the worker stopped.
 */
export type AttemptOutcome =
  | "succeeded"
  | "failed"
  | "timed-out"
  | "handed-back"
  | "cancelled"
  | "expired"
  | "lost"
  | "stale"
  | "unsettled";

/** Every outcome, in the order in which they are shown. */
export const attemptOutcomes: readonly AttemptOutcome[] = [
  "succeeded",
  "failed",
  "timed-out",
  "handed-back",
  "cancelled",
  "expired",
  "lost",
  "stale",
  "unsettled",
];
