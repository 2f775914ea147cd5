/**
 * Wakes: hints that something changed, in this process at once and in the others by NOTIFY.
 *
 * - A wake carries ids, never data, and of a call whether it goes on. Whoever is woken reads.
 * - NOTIFY takes an instance-wide lock in the commit that carries it, so wakes are sent after the commit, by themselves, as
 *   many in one statement as have gathered (group commit).
 * - A process listens on one connection. While it does not (at first, after a break, with `listen: false`), the poll finds
 *   what changed; after each (re)connection everybody is woken once.
 * - What comes in is not trusted: unknown words are ignored, ids are only looked up among those that somebody here follows.
 */
import { randomUUID } from "node:crypto";
import type { CallId } from "@raincheck/protocol";
import type { PathAside } from "../aside/aside-paths.ts";
import { groupCommit } from "../../group-commit.ts";
import type { WakeHint } from "../../wake-hint.ts";
import { type Delays, delays } from "./delays.ts";
import { type Listener, startListener } from "./listen.ts";
import { type Poll, startPoll } from "./poll.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Subscribers } from "./subscribers.ts";

/** See the file's head. */
export interface Wakes {
  /** These calls changed; with `open` all of them go on. */
  changed(ids: readonly CallId[], hint?: WakeHint): void;
  /** A queue has, or will after a delay have, runnable calls. */
  runnable(queue: string, delayMs: number): void;
  /** A queue has runnable calls that the other processes find by themselves. */
  runnableHere(queue: string): void;
  /** These have calls aside that every process may claim, and would otherwise find with its next look. */
  aside(pairs: readonly PathAside[]): void;
  /** As `runnable`, for a transaction of the application to notify of, and so to tell every process if and when it commits. */
  onCommit(queue: string): Notification | null;
  close(): Promise<void>;
}

/** What `pg_notify` takes. */
export interface Notification {
  readonly channel: string;
  readonly payload: string;
}

/** Who in this process wants to be woken. */
export interface Followers {
  /** By call id. */
  readonly calls: Subscribers;
  /** By queue. */
  readonly queues: Subscribers;
}

/** How wakes are made. */
export interface WakesOptions {
  readonly url: string;
  readonly control: Sessions;
  readonly schema: string;
  readonly followers: Followers;
  /** Told of what another process has set aside in a queue that somebody here follows. */
  readonly onAside: (pair: PathAside) => void;
  /** `false`: no LISTEN and no NOTIFY; everything is found by the poll. */
  readonly listen: boolean;
  /** Between two polls for missed wakes, in milliseconds. */
  readonly pollMs: number;
  readonly onError: (error: unknown) => void;
}

/** What a word about a call begins with. A process of a release that knew no hints takes every letter for `unknown`, and sends `c`. */
const letters = { unknown: "c", open: "o" } as const satisfies Record<WakeHint, string>;

/** Postgres refuses a payload of 8,000 bytes and rolls its transaction back. */
const maxPayloadBytes = 7_900;

/** Opens the wakes of one engine. */
export function openWakes(options: WakesOptions): Wakes {
  const { control, schema, listen } = options;
  const { calls, queues } = options.followers;
  const channel = `${schema}_wake`;
  // Named, so that a process does not wake twice: once by itself and once by its own notification.
  const self = randomUUID().slice(0, 8);
  const later: Delays = delays((queue) => runnableNow(queue));
  const notify = groupCommit<string, void>({
    maxItems: 5_000,
    async write(words) {
      await control.use((sql) => sql`select pg_notify(${channel}, payload) from unnest(${payloads(self, words)}::text[]) as payload`);
      return words.map(() => undefined);
    },
  });
  const listener: Listener | null = listen
    ? startListener({ url: options.url, channel, onPayload: receive, onListening: wakeAll, onError: options.onError })
    : null;
  const poll: Poll = startPoll({ control, schema, pollMs: options.pollMs, calls, onError: options.onError });

  function tell(words: readonly string[]): void {
    if (!listen) return;
    // A wake that is not sent costs the time until a poll, nothing else.
    for (const word of words) notify(word).catch(() => undefined);
  }

  function runnableNow(queue: string): void {
    queues.wake(queue);
    tell([`q${queue}`]);
  }

  function receive(payload: string): void {
    const [sender, ...words] = payload.split(" ");
    if (sender === self) return;
    for (const word of words) {
      const name = word.slice(1);
      if (word.startsWith("a")) receiveAside(name);
      else if (word.startsWith("q")) queues.wake(name);
      else calls.wake(name, word.startsWith(letters.open) ? "open" : "unknown");
    }
  }

  function receiveAside(word: string): void {
    const pair = asideOf(word);
    if (pair === null || !queues.has(pair.queue)) return;
    options.onAside(pair);
    queues.wake(pair.queue);
  }

  function wakeAll(): void {
    calls.wakeAll();
    queues.wakeAll();
  }

  return {
    changed(ids, hint = "unknown") {
      for (const id of ids) calls.wake(id, hint);
      tell(ids.map((id) => `${letters[hint]}${id}`));
    },
    runnable(queue, delayMs) {
      if (delayMs > 0) later.add(queue, delayMs);
      else runnableNow(queue);
    },
    runnableHere: (queue) => queues.wake(queue),
    aside: (pairs) => tell(pairs.map(({ queue, path }) => `a${encodeURIComponent(queue)}:${encodeURIComponent(path)}`)),
    onCommit: (queue) => (listen ? { channel, payload: `commit q${queue}` } : null),
    async close() {
      later.close();
      await Promise.all([poll.close(), listener?.close()]);
    },
  };
}

/** Packs words into as few payloads as their size allows, each word once. */
export function payloads(sender: string, words: readonly string[]): string[] {
  const packed: string[] = [];
  let payload = sender;
  for (const word of new Set(words)) {
    if (payload.length + 1 + word.length > maxPayloadBytes) {
      packed.push(payload);
      payload = sender;
    }
    payload += ` ${word}`;
  }
  packed.push(payload);
  return packed;
}

/** `null`: it is none of ours. */
function asideOf(word: string): PathAside | null {
  const [queue, path] = word.split(":");
  if (queue === undefined || path === undefined) return null;
  try {
    return { queue: decodeURIComponent(queue), path: decodeURIComponent(path) };
  } catch {
    return null;
  }
}
