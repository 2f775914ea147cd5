import type { AttemptRef } from "./attempt.ts";

/**
 * Keeps leases while the process's event loop is held, by a resolver that computes: from a thread of its own, which sees when the loop
 * has stopped beating.
 */
export interface Heartbeat {
  /** Lets the lease of an attempt be kept for `forMs` milliseconds from now at most; the returned function ends that. */
  hold(attempt: AttemptRef, forMs: number): () => void;
  /** The event loop is alive. To be called at least four times in the length of a lease. */
  beat(): void;
  /** How long ago the thread last extended what was held, in milliseconds; `null`: it never had to. */
  extendedAgoMs(): number | null;
  close(): Promise<void>;
}
