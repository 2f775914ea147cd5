/**
 * Passing cancels on: the open children of a cancelled call are cancelled, and theirs.
 *
 * - A call is marked (`cancelling`) by the statement that cancels it, if it ever ran: one that did not has started nothing. The
 *   mark is taken back when none of its children is open. So it is known after any crash whose children are still to be seen to;
 *   whoever cancels sees to them at once, and the keeper to those that were left.
 * - Children are cancelled in batches, each a short transaction. A row that somebody else holds is passed over, and found again by
 *   the keeper: nobody waits for anybody here.
 * - A child that is accepted at the same moment locks nothing of its parent. Either it is committed before the look that takes the
 *   mark back, and that look finds it; or whoever claims it sees that its parent is cancelled, leaves it, and marks the parent again.
 */
import type { PendingQuery, Row } from "postgres";
import { parentCancelled } from "../../cancellation.ts";
import { cancelRows } from "./cancel-rows.ts";
import type { Ledger } from "../ledger.ts";
import type { Executor } from "../sessions/transaction.ts";
import { tellEnds } from "../settling/tell-ends.ts";

/** Calls cancelled, and marks taken back, in one statement. */
const batchCalls = 500;

/** Passes on every cancel that is marked, until nothing is left that is not held by somebody else. */
export async function passOnCancels(ledger: Ledger): Promise<void> {
  for (;;) {
    const cancelled = await cancelBatch(ledger);
    const finished = await unmarkBatch(ledger);
    if (cancelled === 0 && finished === 0) return;
  }
}

async function cancelBatch(ledger: Ledger): Promise<number> {
  const { schema, control } = ledger;
  const rows = await control.use((sql) =>
    cancelRows(
      schema,
      sql,
      sql`
      select child.id, ${parentCancelled}::text as reason
      from (select id from ${sql(schema)}.call where cancelling) as parent
      cross join lateral (
        select id from ${sql(schema)}.call where ${openChildOf(sql)} limit ${batchCalls} for update skip locked
      ) as child
      limit ${batchCalls}`,
    ),
  );
  tellEnds(ledger, rows);
  return rows.length;
}

async function unmarkBatch({ schema, control }: Ledger): Promise<number> {
  const rows = await control.use(
    (sql) => sql<{ id: string }[]>`
    with finished as (
      select id from ${sql(schema)}.call as parent
      where cancelling and (select true from ${sql(schema)}.call where ${openChildOf(sql)} limit 1) is null
      limit ${batchCalls} for update skip locked
    )
    update ${sql(schema)}.call set cancelling = false from finished where call.id = finished.id
    returning call.id`,
  );
  return rows.length;
}

/**
 * Whether `call` is an open child of `parent`. To be asked in a subquery with a limit, which Postgres answers from the index for each
 * parent. As a join it is at the mercy of statistics that know nothing of the calls of the last minute: measured on 10,000 children,
 * 5 seconds a batch.
 */
function openChildOf(sql: Executor): PendingQuery<Row[]> {
  return sql`call.parent_id = parent.id and call.parent_id is not null and call.state in ('queued', 'running')`;
}

/**
 * Of calls that a claim has met and that did not begin, passes the cancels of their parents on. What fails is met again: a call that is
 * left without a delivery is given another, and one that was set aside is claimed by its path.
 */
export async function cancelLeft(ledger: Ledger, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  try {
    if (await markParentsOf(ledger, ids)) await passOnCancels(ledger);
  } catch {
    // See above.
  }
}

/** Whether there were any to mark. Several claims may meet children of the same parents: these are locked in one order everywhere. */
async function markParentsOf({ schema, control }: Ledger, ids: readonly string[]): Promise<boolean> {
  const { count } = await control.use(
    (sql) => sql`
    with met as materialized (
      select parent_id, state from ${sql(schema)}.call where id = any(${ids as string[]}::uuid[])
    ), parent as (
      select id from ${sql(schema)}.call
      where id = any(array(select parent_id from met where state = 'queued')) and state = 'cancelled' and not cancelling
      order by id for update
    )
    update ${sql(schema)}.call set cancelling = true where id = any(array(select id from parent))`,
  );
  return count > 0;
}
