import type { CallRecord, Reader } from "@raincheck/engine";
import { type CallId, isTerminal } from "@raincheck/protocol";

import { type EndListener, listenForEnd } from "./end-listener.ts";
import type { CallReader } from "./shared-reads.ts";

/** How long {@link awaitEnd} may take. */
export interface AwaitOptions {
  readonly reader: Reader;
  /** In milliseconds; `undefined`: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** Rejects with its reason when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** A listener from before the call was accepted; it is stopped in the end. Default: one that begins now. */
  readonly from?: EndListener | null;
}

/** Reads that follow their wakes at once; so many changes an ordinary call has in its whole life. */
const promptReads = 20;

/** The pause between later reads, in milliseconds: a call that streams changes hundreds of times a second, and only its end is asked for. */
const restMs = 50;

/**
 * The call when it has ended, or as it is when the time is up; `null` when it is not the reader's, or unknown.
 *
 * Subscribes first, then reads, then reads again at each wake that may be of its end: a change between two steps is never missed.
 */
export async function awaitEnd(
  calls: CallReader,
  id: CallId,
  { reader, timeoutMs, signal, from }: AwaitOptions,
): Promise<CallRecord | null> {
  const listener = from ?? listenForEnd(calls, id);
  let timedOut = false;
  let endRest = (): void => {};
  const onAbort = (): void => {
    listener.onHeard();
    endRest();
  };
  signal?.addEventListener("abort", onAbort);
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          listener.onHeard();
        }, timeoutMs);
  const somethingHeard = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      listener.onHeard = resolve;
    });
    signal?.throwIfAborted();
  };
  try {
    signal?.throwIfAborted();
    // It was accepted after the listening had begun, and is as it was.
    if (listener === from && !listener.heard) await somethingHeard();
    for (let reads = 1; ; reads += 1) {
      listener.heard = false;
      const lastLook = timedOut;
      const record = await calls.read(id, reader);
      signal?.throwIfAborted();
      if (record === null || isTerminal(record.state) || lastLook) return record;
      if (reads >= promptReads) {
        await new Promise<void>((resolve) => {
          endRest = resolve;
          setTimeout(resolve, restMs);
        });
        signal?.throwIfAborted();
      }
      if (!listener.heard && !timedOut) await somethingHeard();
    }
  } finally {
    listener.stop();
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
