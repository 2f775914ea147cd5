import type { CallState } from "@raincheck/protocol";

/** Why a child was cancelled. */
export const parentCancelled = "The call that had started this one was cancelled.";

/** What `Engine.cancel` answers. */
export interface Cancellation {
  /** `false`: the call had already ended. */
  readonly cancelled: boolean;
  readonly state: CallState;
}
