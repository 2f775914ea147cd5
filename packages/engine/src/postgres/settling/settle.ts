/**
 * Settling: the one step that ends an attempt, fenced by `attempt` and `state = 'running'`.
 *
 * A row that the fence refuses is either stale, or this very settlement had committed before and its answer was lost. The
 * ledger tells which: it holds what was settled.
 */
import type { CallEventType } from "@raincheck/protocol";
import type { Sql } from "postgres";
import type { AttemptRef, SettleResult, Settlement } from "../../attempt.ts";
import { takenReplyKeptMs } from "../../reply.ts";
import { noteAside } from "../aside/aside-paths.ts";
import type { Ledger } from "../ledger.ts";
import { endOf, isSoonForgotten, replies } from "../replying/reply-rows.ts";
import { type Executor, executorOf, inTransaction, isMarkedSql } from "../sessions/transaction.ts";
import { whileAvailable } from "../sessions/unavailable.ts";
import { type EndedRow, tellEnds } from "./tell-ends.ts";
import { isRunningSql } from "./is-running.ts";

/** One attempt and how it ends. */
export interface Settling {
  readonly attempt: AttemptRef;
  readonly settlement: Settlement;
}

/** A call whose attempt a statement has ended. */
export interface SettledRow extends EndedRow {
  readonly queue: string;
  readonly priority: number;
}

/** Settles a batch. Terminal ones alone take one statement; with a way back to the queue, the delivery is sent in the same transaction. */
export async function settleBatch(ledger: Ledger, settlings: readonly Settling[]): Promise<SettleResult[]> {
  // One statement updates a row once: of several settlements of one call only the first is written, the others are looked up.
  const seen = new Set<string>();
  const first = settlings.filter(({ attempt }) => !seen.has(attempt.id) && seen.add(attempt.id));
  const retrying = new Map(first.flatMap(({ attempt, settlement }) => (settlement.type === "retrying" ? [[attempt.id, settlement]] : [])));
  const settled = await whileAvailable("settle", () =>
    retrying.size === 0
      ? ledger.control.use((sql) => settleRows(ledger, { sql, isMarked: false }, first))
      : inTransaction(ledger.control, async (transaction) => {
          const rows = await settleRows(ledger, { sql: transaction, isMarked: false }, first);
          const back = rows.flatMap(({ id, queue, priority }) => {
            const settlement = retrying.get(id);
            return settlement === undefined ? [] : [{ id, queue, priority, delayMs: settlement.delayMs }];
          });
          if (back.length > 0) await ledger.delivery.send(executorOf(transaction), back);
          return rows;
        }),
  );
  const ids = new Set(settled.map(({ id }) => id));
  const written = new Set(first.filter(({ attempt }) => ids.has(attempt.id)));
  const refused = settlings.filter((settling) => !written.has(settling));
  const before =
    refused.length === 0 ? [] : await whileAvailable("settle", () => ledger.control.use((sql) => settledBefore(ledger, sql, refused)));
  tellEnds(ledger, settled);
  const unknown = new Set(first.flatMap(({ attempt, settlement }) => (settlement.type === "unknown" ? [attempt.id] : [])));
  noteAside(
    ledger,
    settled.filter(({ id }) => unknown.has(id)),
  );
  for (const { id, queue } of settled) {
    const settlement = retrying.get(id);
    if (settlement !== undefined) ledger.wakes.runnable(queue, settlement.delayMs);
  }
  return settlings.map((settling) => (written.has(settling) || before[refused.indexOf(settling)] === true ? "settled" : "stale"));
}

/** Where settlements are written. */
export interface Settler {
  readonly sql: Executor;
  /** Whether this must be the transaction that was marked, or nothing is written. */
  readonly isMarked: boolean;
}

/** Settles what the fence lets through, and answers with just that. */
export function settleRows({ schema }: Ledger, { sql, isMarked }: Settler, settlings: readonly Settling[]): Promise<SettledRow[]> {
  const column = <TValue>(pick: (settlement: Settlement) => TValue): TValue[] => settlings.map(({ settlement }) => pick(settlement));
  return sql<SettledRow[]>`
    with item as (
      select * from unnest(
        ${settlings.map(({ attempt }) => attempt.id)}::uuid[], ${settlings.map(({ attempt }) => attempt.attempt)}::int[],
        ${column(eventType)}::text[],
        ${column((settlement) => (settlement.type === "succeeded" ? settlement.output : null))}::text[],
        ${column((settlement) => (settlement.type === "failed" ? JSON.stringify(settlement.failure) : null))}::text[],
        ${column(retryBody)}::text[],
        ${column((settlement) => (settlement.type === "retrying" ? settlement.delayMs : 0))}::float8[],
        ${column((settlement) => (settlement.type === "retrying" && settlement.reason !== "handed-back" ? 1 : 0))}::int[],
        ${column((settlement) => (settlement.type === "unknown" ? settlement.giveUpAfterMs : null))}::float8[]
      ) as item (id, attempt, type, output, failure, body, delay_ms, failures, give_up_ms)
    ), settled as (
      update ${sql(schema)}.call set
        state = case item.type when 'retrying' then 'queued' else item.type end,
        seq = call.seq + 1,
        output = item.output,
        failure = item.failure,
        failures = call.failures + item.failures,
        worker = null,
        ended_at = case item.type when 'retrying' then null else now() end,
        due_at = now() + case
          when item.type = 'retrying' then item.delay_ms
          when item.type = 'succeeded' and ${isSoonForgotten(sql)} then least(call.retention_ms, ${takenReplyKeptMs}::bigint)
          else call.retention_ms end * interval '1 millisecond',
        expires_at = case item.type when 'retrying' then call.deadline end,
        reply_due = call.reply_due and item.type = 'retrying',
        aside_attempt = case when item.give_up_ms is not null then call.attempt end,
        -- Counted from the first worker without the procedure, also when it was claimed by another such meanwhile.
        aside_until = coalesce(
          case when item.give_up_ms is not null and call.aside_attempt = call.attempt - 1 then call.aside_until end,
          now() + item.give_up_ms * interval '1 millisecond')
      from item
      where call.id = item.id and call.attempt = item.attempt and ${sql.unsafe(isRunningSql)}
        ${isMarked ? sql.unsafe(`and ${isMarkedSql}`) : sql``}
      returning call.id, call.seq, call.attempt, call.queue, item.type, item.body,
        case when call.concurrency is not null then call.path end as limited_path, ${endOf(sql)}
    ), noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt, body)
      select id, seq, type, now(), attempt, body from settled where type = 'retrying'
    ), ${replies(schema, sql, "settled")}
    select id, queue, priority, path, limited_path, reply_queues from settled`;
}

/**
 * Of settlements that the fence refused, which are in the ledger already, word for word. Waits for one that is still committing; for each
 * apart, in a statement that holds no other row meanwhile, because who is waited for may be settling several of them.
 *
 * @param sql outside of a transaction.
 */
export async function settledBefore({ schema }: Ledger, sql: Sql, settlings: readonly Settling[]): Promise<boolean[]> {
  const ids = settlings.map(({ attempt }) => attempt.id);
  await Promise.all(ids.map((id) => sql`select id from ${sql(schema)}.call where id = ${id} for share`));
  const rows = await sql<{ index: number }[]>`
    select item.index
    from unnest(
      ${settlings.map((_, index) => index)}::int[], ${ids}::uuid[], ${settlings.map(({ attempt }) => attempt.attempt)}::int[],
      ${settlings.map(({ settlement }) => eventType(settlement))}::text[], ${settlings.map(({ settlement }) => contentOf(settlement))}::text[]
    ) as item (index, id, attempt, type, content)
    join ${sql(schema)}.call_event as event on event.call_id = item.id and event.attempt = item.attempt and event.type = item.type
    join ${sql(schema)}.call on call.id = item.id
    where item.content = case item.type when 'retrying' then event.body when 'succeeded' then call.output else call.failure end`;
  const found = new Set(rows.map(({ index }) => index));
  return settlings.map((_, index) => found.has(index));
}

function contentOf(settlement: Settlement): string | null {
  return settlement.type === "succeeded"
    ? settlement.output
    : settlement.type === "failed"
      ? JSON.stringify(settlement.failure)
      : retryBody(settlement);
}

/** The event that tells of a settlement. */
function eventType({ type }: Settlement): CallEventType {
  return type === "unknown" ? "retrying" : type;
}

/** The body of a `retrying` event; other events have none of their own. */
function retryBody(settlement: Settlement): string | null {
  if (settlement.type === "unknown") return JSON.stringify({ reason: "handed-back", failure: null, delayMs: 0 });
  if (settlement.type !== "retrying") return null;
  const { reason, failure, delayMs } = settlement;
  return JSON.stringify({ reason, failure, delayMs });
}
