import type { CallRecord, Reader } from "@raincheck/engine";
import { type CallId, isTerminal } from "@raincheck/protocol";

import type { CallReader } from "./shared-reads.ts";

/** How long {@link awaitEnd} may take. */
export interface AwaitOptions {
  readonly reader: Reader;
  /** In milliseconds; `undefined`: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** Rejects with its reason when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The call when it has ended, or as it is when the time is up; `null` when it is not the reader's, or unknown.
 *
 * Subscribes first, then reads, then reads again at each wake: a change between two steps is never missed.
 */
export async function awaitEnd(calls: CallReader, id: CallId, { reader, timeoutMs, signal }: AwaitOptions): Promise<CallRecord | null> {
  signal?.throwIfAborted();
  let changed = false;
  let timedOut = false;
  let wake = (): void => {};
  const unsubscribe = calls.subscribe(id, () => {
    changed = true;
    wake();
  });
  const onAbort = (): void => wake();
  signal?.addEventListener("abort", onAbort);
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          wake();
        }, timeoutMs);
  try {
    for (;;) {
      changed = false;
      const lastLook = timedOut;
      const record = await calls.read(id, reader);
      signal?.throwIfAborted();
      if (record === null || isTerminal(record.state) || lastLook) return record;
      if (changed || timedOut) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      signal?.throwIfAborted();
    }
  } finally {
    unsubscribe();
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
