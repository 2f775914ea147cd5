import { type CallEvent, isTerminalEvent } from "@raincheck/protocol";
import type { CallListener } from "./followed-call.ts";

/** Events that a slow reader may leave unread; beyond them the call is read again when they have been. */
const maxUnread = 1_000;

/** What {@link callEvents} reads from. */
export interface EventSource {
  /** Begins to follow the call behind a cursor; returns what ends it. */
  follow(after: number, listener: CallListener): () => void;
}

interface Reader {
  resolve(result: IteratorResult<CallEvent, undefined>): void;
  reject(error: unknown): void;
}

/**
 * The events of a call as an iterator. It begins to follow at the first `next()`, ends behind the terminal event, and stops
 * following on `return()`. A reader who is too slow costs at most a thousand unread events of memory: the rest is read from the
 * server again when it is wanted.
 *
 * @param options.after the `seq` of the last event that the reader has. Default 0: it gets all.
 * @param options.signal aborting it rejects with its reason.
 */
export function callEvents(
  source: EventSource,
  options: { after?: number | undefined; signal?: AbortSignal | undefined },
): AsyncIterableIterator<CallEvent, undefined> {
  const { signal } = options;
  let cursor = options.after ?? 0;
  let unread: CallEvent[] = [];
  let readers: Reader[] = [];
  let stop: (() => void) | null = null;
  /** Set when nothing more will come; an error is thrown once, behind what is unread. */
  let over: { error?: unknown } | null = null;

  const follow = () => {
    stop = source.follow(cursor, {
      event(event) {
        cursor = event.seq;
        const reader = readers.shift();
        if (reader !== undefined) reader.resolve({ value: event, done: false });
        else if (unread.push(event) >= maxUnread && !isTerminalEvent(event)) pauseFollowing();
      },
      ended: () => finish({}),
      failed: (error) => finish({ error }),
    });
  };

  const pauseFollowing = () => {
    stop?.();
    stop = null;
  };

  const finish = (ending: { error?: unknown }) => {
    if (over !== null) return;
    over = ending;
    pauseFollowing();
    signal?.removeEventListener("abort", abort);
    for (const reader of readers) settle(reader);
    readers = [];
  };

  const abort = () => {
    unread = [];
    finish({ error: signal?.reason });
  };

  const settle = (reader: Reader) => {
    if (over !== null && "error" in over) {
      const { error } = over;
      over = {};
      reader.reject(error);
    } else reader.resolve({ value: undefined, done: true });
  };

  const iterator: AsyncIterableIterator<CallEvent, undefined> = {
    [Symbol.asyncIterator]: () => iterator,
    next: () =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) abort();
        const event = unread.shift();
        if (event !== undefined) return resolve({ value: event, done: false });
        if (over !== null) return settle({ resolve, reject });
        readers.push({ resolve, reject });
        if (stop !== null) return;
        signal?.addEventListener("abort", abort, { once: true });
        follow();
      }),
    return: () => {
      unread = [];
      finish({});
      over = {};
      return Promise.resolve({ value: undefined, done: true });
    },
  };
  return iterator;
}
