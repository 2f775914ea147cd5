/**
 * The poll behind the wakes: one question per process, about the calls that somebody here follows, and none when nobody does.
 * It finds what a lost notification did not tell.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Sessions } from "../sessions/sessions.ts";
import type { Subscribers } from "./subscribers.ts";

/** How a poll is started. */
export interface PollOptions {
  readonly control: Sessions;
  readonly schema: string;
  readonly pollMs: number;
  /** Those who follow calls, by call id. */
  readonly calls: Subscribers;
  readonly onError: (error: unknown) => void;
}

/** A poll that runs until closed. */
export interface Poll {
  close(): Promise<void>;
}

/** Starts polling in the background. */
export function startPoll(options: PollOptions): Poll {
  const { calls } = options;
  const closing = new AbortController();
  let seen = new Map<string, number>();

  async function pollOnce(): Promise<void> {
    const ids = calls.keys();
    if (ids.length === 0) return;
    const rows = await readSeqs(options, ids);
    for (const { id, seq } of rows) {
      // The first sight of a call wakes too: its subscriber may have read before the change and missed the wake.
      if (seen.get(id) !== seq) calls.wake(id);
    }
    seen = new Map(rows.map(({ id, seq }) => [id, seq]));
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      await sleep(options.pollMs * (0.9 + Math.random() * 0.2), undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
      if (closing.signal.aborted) return;
      await pollOnce().catch(options.onError);
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

function readSeqs({ control, schema }: PollOptions, ids: readonly string[]): Promise<{ id: string; seq: number }[]> {
  return control.use(
    (sql) => sql<{ id: string; seq: number }[]>`select id, seq from ${sql(schema)}.call where id = any(${ids as string[]}::uuid[])`,
  );
}
