/**
 * Repeating: a new call is written of the row of one that has ended, whose input never leaves the database. The same statement says whether
 * the reader may see that call, and whether it can be repeated: its state is never left, so nothing can come between.
 */
import type { CallId, CallState } from "@raincheck/protocol";
import type { TransactionSql } from "postgres";
import type { Reader } from "../../call-record.ts";
import { type Repeat, type Repetition, repeatKeyOf, repeatableStates } from "../../repetition.ts";
import type { Ledger } from "../ledger.ts";
import { executorOf, inTransaction } from "../sessions/transaction.ts";
import { whileAvailable } from "../sessions/unavailable.ts";
import { sha256 } from "./call-row.ts";

/** A call, and who asks for it. */
interface Target {
  readonly id: CallId;
  readonly reader: Reader;
}

interface SourceRow {
  readonly path: string;
  readonly state: CallState;
  readonly repeatable: boolean;
  readonly created: boolean;
}

/** See `Engine.repeat`. */
export async function repeat(ledger: Ledger, target: Target, given: Repeat): Promise<Repetition | null> {
  await whileAvailable("repeat", () => ledger.delivery.prepare([given.queue]));
  const repetition = await whileAvailable("repeat", () => inTransaction(ledger.control, (sql) => repeatIn(ledger, sql, { target, given })));
  if (repetition?.repeated === true && repetition.created) ledger.wakes.runnable(given.queue, 0);
  return repetition;
}

async function repeatIn(
  ledger: Ledger,
  sql: TransactionSql,
  { target, given }: { readonly target: Target; readonly given: Repeat },
): Promise<Repetition | null> {
  const key = repeatKeyOf(target.id, given.by);
  const keyHash = key === null ? null : sha256(key);
  const [source] = await insertRepeat(ledger, sql, { target, given, keyHash });
  if (source === undefined) return null;
  const { path, state } = source;
  if (!source.repeatable) return { repeated: false, state };
  if (source.created) {
    await ledger.delivery.send(executorOf(sql), [{ id: given.id, queue: given.queue, priority: given.priority, delayMs: 0 }]);
    return { repeated: true, id: given.id, path, state: "queued", created: true };
  }
  const [found] = await sql<{ id: string; state: CallState }[]>`
    select id, state from ${sql(ledger.schema)}.call
    where id = ${given.id} or key_hash = decode(${keyHash}, 'hex') order by id = ${given.id} desc limit 1`;
  // It was in the way, and is gone now: it was kept no longer than until this moment.
  if (found === undefined) throw Object.assign(new Error("the repetition of this call was deleted meanwhile"), { code: "40001" });
  return { repeated: true, id: found.id, path, state: found.state, created: found.id === given.id };
}

function insertRepeat(
  { schema }: Ledger,
  sql: TransactionSql,
  { target, given, keyHash }: { readonly target: Target; readonly given: Repeat; readonly keyHash: string | null },
): Promise<SourceRow[]> {
  return sql<SourceRow[]>`
    with source as (
      select path, principal, state, input, context, input_hash, retention_ms, tells,
        ${given.replyQueues === undefined ? sql`reply_queues` : sql`nullif(${given.replyQueues as string[]}::text[], '{}')`} as reply_queues, state = any(${repeatableStates(given.by) as string[]}::text[]) as repeatable
      from ${sql(schema)}.call
      where id = ${target.id} and (principal is null or principal = ${target.reader.principal})
    ), repeated as (
      insert into ${sql(schema)}.call
        (id, path, queue, principal, state, seq, priority, input, context, key_hash, input_hash, created_at, due_at, expires_at, deadline,
         retention_ms, concurrency, repeats, reply_queues, reply_due, tells)
      select
        ${given.id}, path, ${given.queue}, principal, 'queued', 1, ${given.priority}, input, context, decode(${keyHash}, 'hex'), input_hash,
        now(), now(),
        now() + least(${given.startByMs}::float8, ${given.deadlineMs}::float8) * interval '1 millisecond',
        now() + ${given.deadlineMs}::float8 * interval '1 millisecond',
        coalesce(${given.retentionMs}::bigint, retention_ms), ${given.concurrency}, ${target.id},
        reply_queues, reply_queues is not null, tells
      from source where repeatable
      on conflict do nothing
      returning id
    )
    select path, state, repeatable, exists (select from repeated) as created from source`;
}
