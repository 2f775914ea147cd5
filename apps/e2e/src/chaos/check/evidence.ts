import type { CallEventType, CallState } from "@raincheck/protocol";
import type { Sql } from "postgres";
import type { HistoryEntry } from "../history.ts";

/** A call as the ledger has it after the run. */
export interface LedgerCall {
  readonly id: string;
  readonly path: string;
  readonly principal: string;
  readonly state: CallState;
  readonly seq: number;
  readonly attempt: number;
  readonly failures: number;
  readonly crashes: number;
  readonly input: string;
  readonly output: string | null;
  readonly failure: string | null;
  /** Milliseconds since 1970 by Postgres's clock; null: none. */
  readonly endedAt: number | null;
  readonly deadline: number | null;
  /** The call that it was made of; null: none. */
  readonly repeats: string | null;
  /** The call whose end it tells; null: it is no reply. */
  readonly tells: string | null;
}

/** An event as the ledger has it. */
export interface LedgerEvent {
  readonly id: string;
  readonly seq: number;
  readonly type: CallEventType;
  /** Milliseconds since 1970 by Postgres's clock. */
  readonly at: number;
  readonly attempt: number;
  readonly body: string | null;
}

/** A row that a resolver wrote in the commit of its output. */
export interface Effect {
  readonly id: string;
  readonly attempt: number;
  readonly tag: string;
}

/** A row that the consumer of the reply queue wrote. */
export interface ReplyRow {
  /** Of the call that ended. */
  readonly id: string;
  readonly state: string;
  /** The output or the failure, as JSON. */
  readonly value: string;
  /** Milliseconds since 1970 by Postgres's clock. */
  readonly at: number;
}

/** All that is known of a run. */
export interface Evidence {
  readonly calls: readonly LedgerCall[];
  /** Of each call, in order of `seq`. */
  readonly events: ReadonlyMap<string, readonly LedgerEvent[]>;
  readonly effects: readonly Effect[];
  readonly replies: readonly ReplyRow[];
  readonly history: readonly HistoryEntry[];
}

/** One promise that was broken. */
export interface Violation {
  /** I1 to I15: safety; L1 to L7: liveness; N: the run has met no such fault. What each says stands at its check. */
  readonly invariant: string;
  /** The call, the key or the process that it is about. */
  readonly subject: string;
  readonly message: string;
}

/** What a check finds: a {@link Violation} of its own invariant. */
export type Finding = Omit<Violation, "invariant">;

/** Reads what Postgres knows. */
export async function gatherEvidence(sql: Sql, history: readonly HistoryEntry[]): Promise<Evidence> {
  const calls = await sql<LedgerCall[]>`
    select id, path, principal, state, seq, attempt, failures, crashes, input, output, failure,
      extract(epoch from ended_at)::float8 * 1000 as "endedAt", extract(epoch from deadline)::float8 * 1000 as deadline, repeats, tells
    from raincheck.call`;
  const rows = await sql<LedgerEvent[]>`
    select call_id as id, seq, type, extract(epoch from at)::float8 * 1000 as at, attempt, body from raincheck.call_event order by call_id, seq`;
  const effects = await sql<Effect[]>`select call_id as id, attempt, tag from effect`;
  const replies = await sql<ReplyRow[]>`select call_id as id, state, value, extract(epoch from at)::float8 * 1000 as at from reply`;
  return { calls, events: groupBy(rows, ({ id }) => id), effects, replies, history };
}

/** The items by a key of theirs, in their order. */
export function groupBy<TItem>(items: readonly TItem[], keyOf: (item: TItem) => string): Map<string, TItem[]> {
  const groups = new Map<string, TItem[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** The entries of one kind. */
export function sightsOf<TKind extends HistoryEntry["kind"]>(
  history: readonly HistoryEntry[],
  kind: TKind,
): Extract<HistoryEntry, { readonly kind: TKind }>[] {
  return history.filter((entry): entry is Extract<HistoryEntry, { readonly kind: TKind }> => entry.kind === kind);
}
