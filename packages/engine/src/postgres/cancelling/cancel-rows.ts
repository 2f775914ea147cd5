import type { PendingQuery, Row } from "postgres";
import { endOf, replies } from "../replying/reply-rows.ts";
import type { Executor } from "../sessions/transaction.ts";
import type { EndedRow } from "../settling/tell-ends.ts";

/** A call that a statement has cancelled. */
export interface CancelledRow extends EndedRow {
  /** Whether its children, if it has any, are to be cancelled too. */
  readonly cancelling: boolean;
}

/**
 * A cancelled call that had begun is kept for at least so long, in milliseconds, however short its retention: a child that it started in a
 * transaction still open is there only when that commits, and then must find that its parent was cancelled.
 */
const leastKeptMs = 600_000;

/**
 * Cancels calls in one statement.
 *
 * @param chosen a query that gives an `id` and a `reason` for each, of open calls only, which it locks.
 */
export function cancelRows(schema: string, sql: Executor, chosen: PendingQuery<Row[]>): Promise<CancelledRow[]> {
  return sql<CancelledRow[]>`
    with chosen as (${chosen}), cancelled as (
      update ${sql(schema)}.call set
        state = 'cancelled', seq = seq + 1, cancel_reason = chosen.reason, cancelling = attempt > 0, worker = null, parked = false,
        ended_at = now(), expires_at = null, reply_due = false, due_at = now() + greatest(retention_ms, case when attempt > 0 then ${leastKeptMs}::bigint else 0 end) * interval '1 millisecond'
      from chosen
      where call.id = chosen.id
      returning call.id, call.seq, call.attempt, call.cancelling, case when call.concurrency is not null then call.path end as limited_path,
        ${endOf(sql)}
    ), ${replies(schema, sql, "cancelled")}
    select id, cancelling, limited_path, path, reply_queues from cancelled`;
}
