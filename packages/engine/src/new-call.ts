import type { CallId, CallState } from "@raincheck/protocol";
import type { AttemptRef } from "./attempt.ts";
import type { Payload } from "./payload.ts";

/** A call to accept. Times are durations from the acceptance. */
export interface NewCall {
  readonly id: CallId;
  readonly path: string;
  readonly queue: string;
  readonly principal: string | null;
  readonly input: Payload;
  /** What `capture` kept of the caller's context. */
  readonly context: Payload;
  /** `null`: no key, always a new call. */
  readonly idempotencyKey: string | null;
  readonly priority: number;
  /**
   * How many attempts of limited calls with this path may run at once, over all workers and queues, for this one to begin, itself
   * included; what the policy said at its acceptance. `null`: no limit; the call neither waits for others nor counts for them.
   * Limited calls of one path begin in the order of a claim: where the first has no room, those behind it wait too.
   */
  readonly concurrency: number | null;
  /** 0: at once. */
  readonly delayMs: number;
  /** `null`: no limit. Counted from the acceptance, `delayMs` included. */
  readonly startByMs: number | null;
  /** `null`: no limit. */
  readonly deadlineMs: number | null;
  readonly retentionMs: number;
  /** The attempt that starts it; it must still be the one that runs its call. `null`: none does. */
  readonly startedBy: AttemptRef | null;
  /** `false`: the call of `startedBy` is its parent, whose deadline it does not outlive, and whose cancel ends it. */
  readonly detached: boolean;
  /** The queues of the replies that tell its end, made in the step that ends it; see `reply.ts`. Its repetitions tell theirs too. */
  readonly replyQueues: readonly string[];
}

/** What `Engine.accept` answers. */
export interface Acceptance {
  readonly id: CallId;
  readonly state: CallState;
  /** `false`: the idempotency key named a call that existed, and this is it. */
  readonly created: boolean;
}
