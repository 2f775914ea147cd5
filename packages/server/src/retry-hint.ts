import { hasTag } from "@raincheck/protocol";

import { readSafely } from "./read-safely.ts";

/** How soon it is worth asking again, in milliseconds: an outage's end is noticed within a second. */
export const retryAfterMs = 1_000;

/** What {@link retryHint} adds. */
export interface RetryHint {
  /** After how many milliseconds the same request is worth another try; absent: it is not. */
  readonly retryAfterMs?: number;
}

/**
 * For the `data` of tRPC's error shape: after how long a request is worth repeating that was refused because the ledger is away, or
 * full. Raincheck's client heeds it, and repeats a start under the same idempotency key.
 *
 * @example
 * initTRPC.create({ errorFormatter: ({ shape, error }) => ({ ...shape, data: { ...shape.data, ...retryHint(error) } }) });
 */
export function retryHint(error: unknown): RetryHint {
  const cause = readSafely(error, "cause");
  return hasTag(cause, "EngineUnavailable") || hasTag(cause, "EngineFull") ? { retryAfterMs } : {};
}
