import type { Duration, RetryPolicy } from "@raincheck/protocol";

/** The longest that a `Retry-After` is heeded for, in milliseconds. */
const longestHeededMs = 86_400_000;

/** What says how long to wait. */
export interface Waited {
  /** Tries that have failed; from 1. */
  readonly failures: number;
  /** The header, as it came; `null`: none. */
  readonly retryAfter: string | null;
}

/**
 * How long to wait before a message is tried again: the delay of the endpoint's policy, and no less than the endpoint asked for. With jitter
 * it is drawn from four fifths of it to the whole: unlike those of calls, the tries of a message are to last, a day and more, and not only to
 * come apart.
 */
export function waitAfter(
  { initialDelayMs, factor, maxDelayMs, jitter }: Pick<RetryPolicy, "initialDelayMs" | "factor" | "maxDelayMs" | "jitter">,
  { failures, retryAfter }: Waited,
): Duration {
  const delayMs = Math.min(initialDelayMs * factor ** (failures - 1), maxDelayMs);
  const drawnMs = jitter ? delayMs * (0.8 + Math.random() / 5) : delayMs;
  return `${Math.round(Math.max(drawnMs, askedMs(retryAfter)))} millis`;
}

/** A `Retry-After` (RFC 9110, 10.2.3): seconds, or a date as HTTP writes it. What is neither asks for nothing. */
function askedMs(retryAfter: string | null): number {
  if (retryAfter === null) return 0;
  const isDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(retryAfter);
  const ms = isDate ? Date.parse(retryAfter) - Date.now() : /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : 0;
  return Math.min(Math.max(ms || 0, 0), longestHeededMs);
}
