/**
 * The history of a run: what each process saw, written outside Postgres, to be held against the ledger afterwards.
 *
 * One line of JSON an entry, one file a process, each written by one synchronous `write`: what a process has done before it is
 * killed is in its file.
 */
import { openSync, readFileSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { TerminalState } from "@raincheck/protocol";
import type { Told } from "./application/raincheck.ts";
import type { Yielded } from "./application/work.ts";
import type { FaultKind } from "./fault-kind.ts";
import type { ReceiverAnswer } from "./world/receiver.ts";

/** What was seen. Ids are calls'; a `key` names one intention of a client, and is its idempotency key. */
export type Sight =
  /** `told`: who is to be told of its end, beside its followers. */
  | { readonly kind: "submitted"; readonly key: string; readonly owner: string; readonly path: string; readonly told: readonly Told[] }
  | { readonly kind: "accepted"; readonly key: string; readonly id: string }
  /** Nobody knows whether it was accepted; it is submitted again. */
  | { readonly kind: "unanswered"; readonly key: string; readonly message: string }
  /** A client met an error that no fault explains. */
  | { readonly kind: "surprised"; readonly subject: string; readonly message: string }
  | { readonly kind: "followed"; readonly id: string; readonly follower: string; readonly seq: number; readonly type: string }
  /** A follower was told a value that an attempt has yielded. */
  | { readonly kind: "heard"; readonly id: string; readonly follower: string; readonly attempt: number; readonly value: Yielded }
  | { readonly kind: "ended"; readonly id: string; readonly follower: string; readonly state: TerminalState; readonly value: string }
  | { readonly kind: "read"; readonly id: string; readonly state: string; readonly value: string }
  | { readonly kind: "cancelled"; readonly id: string; readonly ended: boolean }
  /** Somebody else asked for the call. `code`: how it was refused; null: it was not. */
  | { readonly kind: "spied"; readonly id: string; readonly code: string | null }
  /** Somebody asked for another call of `of`, and was given `id`. `key`: of a replay; null: it was a retry. */
  | {
      readonly kind: "repeated";
      readonly of: string;
      readonly id: string;
      readonly key: string | null;
      readonly asked: "client" | "server";
    }
  /** A message came to the webhook's endpoint, signed; `id` is its `webhook-id`. */
  | {
      readonly kind: "posted";
      readonly id: string;
      readonly call: string;
      readonly state: string;
      readonly value: string;
      readonly answer: ReceiverAnswer;
    }
  /** What came to the webhook's endpoint was no message of it. */
  | { readonly kind: "post-refused"; readonly message: string }
  /** The consumer of a reply has thrown, as it was to. `id`: of the call that the reply tells of. */
  | { readonly kind: "reply-thrown"; readonly id: string; readonly attempt: number }
  | { readonly kind: "resolver-started"; readonly id: string; readonly attempt: number; readonly path: string }
  | { readonly kind: "resolver-ended"; readonly id: string; readonly attempt: number }
  | { readonly kind: "resolver-aborted"; readonly id: string; readonly attempt: number; readonly reason: string }
  /** The fence refused an attempt's writes. */
  | { readonly kind: "fenced"; readonly id: string; readonly attempt: number }
  | { readonly kind: "heap"; readonly bytes: number }
  | { readonly kind: "fault"; readonly fault: FaultKind; readonly target: string }
  | { readonly kind: "reconnected"; readonly link: string; readonly cutAt: number }
  /** A COMMIT was answered, and the answer did not arrive. */
  | { readonly kind: "answer-lost"; readonly link: string }
  | { readonly kind: "exited"; readonly code: number | null; readonly signal: string | null; readonly expected: boolean }
  | { readonly kind: "phase"; readonly phase: "quiet" | "tail" | "over" };

/** A sight, by whom and when. */
export type HistoryEntry = Sight & {
  /** The process. */
  readonly by: string;
  /** Milliseconds since 1970 by the machine's clock, which Postgres shares. */
  readonly at: number;
};

/** Writes a process's part of the history. */
export type Historian = (sight: Sight, by?: string) => void;

/** Opens a file of the history. `by` names the process. */
export function openHistory(directory: string, by: string): Historian {
  const file = openSync(join(directory, `${by}.jsonl`), "a");
  return (sight, from = by) => void writeSync(file, `${JSON.stringify({ ...sight, by: from, at: Date.now() })}\n`);
}

/** The history of all processes, in the order of time. */
export function readHistory(directory: string): HistoryEntry[] {
  const entries = readdirSync(directory)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(join(directory, name), "utf8").split("\n").filter(Boolean))
    .map((line) => JSON.parse(line) as HistoryEntry);
  return entries.sort((one, other) => one.at - other.at);
}
