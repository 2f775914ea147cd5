import type { AttemptRef } from "./attempt.ts";
import type { Payload } from "./payload.ts";

/** What a worker wants to run. */
export interface ClaimRequest {
  /** Names the process in the ledger, for operators. */
  readonly worker: string;
  readonly queues: readonly string[];
  /** How many calls at most. */
  readonly limit: number;
  /** How long the worker may stay silent before the attempt counts as lost. */
  readonly leaseMs: number;
  /** The procedures of which this claim takes only so many calls, or none; the others of them are set aside. Default none. */
  readonly withheld?: readonly Withheld[] | undefined;
  /** Queues of which, together, this claim takes only so many calls; the others of them stay where they are. Default none. */
  readonly capped?: { readonly queues: readonly string[]; readonly places: number } | undefined;
}

/**
 * A procedure that a worker does not run, or not at any rate: it has no such procedure, or the procedure fails.
 *
 * Calls of it that the worker comes upon are *set aside*: still queued, but in nobody's way. They spend no attempt, and any worker that
 * does not withhold the procedure claims them as before.
 */
export interface Withheld {
  readonly path: string;
  /** How many of its calls this claim may take all the same. */
  readonly places: number;
  /**
   * How long a call that is set aside waits for a worker that has the procedure, from the first that has not; then it fails as
   * `UNKNOWN_PROCEDURE`. `null`: this worker has the procedure, and there is no such limit.
   */
  readonly giveUpAfterMs: number | null;
}

/** What `Engine.vouch` is told. */
export interface Vouching {
  readonly queues: readonly string[];
  /** Whether the worker has the procedure at a path. */
  readonly knows: (path: string) => Promise<boolean>;
  /** From now on, calls of these paths wait this long again. */
  readonly giveUpAfterMs: number;
}

/** A call that this worker now runs, until its lease ends. */
export interface ClaimedCall extends AttemptRef {
  readonly path: string;
  readonly queue: string;
  readonly principal: string | null;
  readonly input: Payload;
  readonly context: Payload;
  /** Attempts before this one that failed or timed out: what the retry policy counts. Hand-backs and crashes are not in it. */
  readonly failures: number;
  /** When it was accepted: ISO 8601. */
  readonly createdAt: string;
  /** What is left until its deadline by the engine's clock; `null`: no deadline. */
  readonly deadlineInMs: number | null;
}
