/**
 * The listening connection: one per process, re-made for ever.
 *
 * It is checked every ten seconds with a statement of its own, because a connection that went silent looks like a quiet one.
 * A first LISTEN that fails is treated like a later break: again, with growing pauses and jitter.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openListener } from "../sessions/connections.ts";

/** How a listener is started. */
export interface ListenerOptions {
  readonly url: string;
  readonly channel: string;
  readonly onPayload: (payload: string) => void;
  /** After each successful LISTEN: what was notified before it is lost, so everybody must look. */
  readonly onListening: () => void;
  readonly onError: (error: unknown) => void;
}

/** A listener that runs until closed. */
export interface Listener {
  close(): Promise<void>;
}

const checkMs = 10_000;
const checkTimeoutMs = 5_000;
const firstPauseMs = 100;
const maxPauseMs = 10_000;

/** Starts listening in the background. */
export function startListener(options: ListenerOptions): Listener {
  const closing = new AbortController();

  async function run(): Promise<void> {
    let pauseMs = firstPauseMs;
    while (!closing.signal.aborted) {
      try {
        await listenOnce(options, closing.signal, () => (pauseMs = firstPauseMs));
      } catch (error) {
        if (!closing.signal.aborted) options.onError(error);
      }
      await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, maxPauseMs);
    }
  }

  const running = run();
  return {
    close() {
      closing.abort();
      return running;
    },
  };
}

/** Listens until the connection breaks, goes silent, or the listener is closed. */
async function listenOnce(
  { url, channel, onPayload, onListening }: ListenerOptions,
  closing: AbortSignal,
  listening: () => void,
): Promise<void> {
  const broken = new AbortController();
  const sql = openListener(url, {
    onnotify: (from, payload) => {
      if (from === channel) onPayload(payload);
    },
    onclose: () => broken.abort(),
  });
  const ended = AbortSignal.any([broken.signal, closing]);
  try {
    await answered(sql.unsafe(`listen ${channel}`), ended);
    listening();
    onListening();
    while (!ended.aborted) {
      await sleep(checkMs, undefined, { signal: ended, ref: false }).catch(() => undefined);
      if (!ended.aborted) await answered(sql.unsafe("select 1"), ended);
    }
  } finally {
    // Not awaited: a connection that went silent would not answer its farewell either.
    void sql.end({ timeout: 0 }).catch(() => undefined);
  }
}

/** Waits for an answer, for a while, and no longer than until the listening has ended: a connection that went silent answers nothing. */
async function answered(statement: PromiseLike<unknown>, ended: AbortSignal): Promise<void> {
  const done = new AbortController();
  const late = sleep(checkTimeoutMs, undefined, { signal: AbortSignal.any([done.signal, ended]), ref: false }).then(() => {
    throw new Error(`The listening connection did not answer within ${checkTimeoutMs} ms.`);
  });
  await Promise.race([statement, late]).finally(() => done.abort());
}
