import type { Reader } from "@raincheck/engine";
import type { StartedCall, StartOptions } from "@raincheck/protocol";

/** One wish to start one call, carried to the procedure that it names. */
export interface StartIntent {
  readonly path: string;
  readonly options: StartOptions;
  /** The reply queues to which its end is told. */
  readonly replyQueues: readonly string[];
  /** The caller's own open transaction, as the engine knows it; `undefined`: none. */
  readonly transaction: unknown;
  /** Set by the procedure when the call was accepted; a procedure whose middleware answers by itself never sets it. */
  accepted: { readonly call: StartedCall; readonly reader: Reader } | null;
}
