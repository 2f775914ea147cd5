import type { StartOptions } from "@raincheck/protocol";

import type { AcceptedCall } from "./accept-call.ts";

/** One wish to start one call, carried to the procedure that it names. */
export interface StartIntent {
  readonly path: string;
  readonly options: StartOptions;
  /** Whether whoever starts it may wait for its end at once. */
  readonly listen: boolean;
  /** The reply queues to which its end is told. */
  readonly replyQueues: readonly string[];
  /** The caller's own open transaction, as the engine knows it; `undefined`: none. */
  readonly transaction: unknown;
  /** Set by the procedure when the call was accepted; a procedure whose middleware answers by itself never sets it. */
  accepted: AcceptedCall | null;
}
