import type { CallId, Failure, RetryReason } from "@raincheck/protocol";
import type { Payload } from "./payload.ts";

/** One attempt of one call: the fence of everything that it writes. */
export interface AttemptRef {
  readonly id: CallId;
  /** From 1. It counts claims, so it never repeats. */
  readonly attempt: number;
}

/** Why an attempt must stop: its call was cancelled, has expired, or is another's. */
export type LossReason = "cancelled" | "expired" | "lost";

/** An attempt that `Engine.extend` could not extend. */
export interface LostAttempt extends AttemptRef {
  readonly reason: LossReason;
}

/** How an attempt ends. */
export type Settlement =
  | { readonly type: "succeeded"; readonly output: Payload }
  | { readonly type: "failed"; readonly failure: Failure }
  | {
      /** The call goes back to the queue. `failed` and `timed-out` count as a failure, `handed-back` costs nothing. */
      readonly type: "retrying";
      readonly reason: Exclude<RetryReason, "lost">;
      readonly failure: Failure | null;
      readonly delayMs: number;
    }
  | {
      /** The worker has no such procedure: the call is handed back and set aside; see `Withheld`. */
      readonly type: "unknown";
      readonly giveUpAfterMs: number;
    };

/** `stale`: the call is no longer this attempt's; nothing was written. */
export type SettleResult = "settled" | "stale";
