import type { Ledger } from "../ledger.ts";
import { type RepliedRow, endOf, replies, wakeReplies } from "./reply-rows.ts";

/** Calls told of in one pass. */
const passCalls = 500;

/** Writes the replies of calls that a process of the release before has ended, which knows nothing of replies. */
export async function tellOverdue(ledger: Ledger): Promise<void> {
  const { schema, control } = ledger;
  const rows = await control.use(
    (sql) => sql<RepliedRow[]>`
    with overdue as (
      select id from ${sql(schema)}.call where reply_due and state not in ('queued', 'running') order by id limit ${passCalls} for update skip locked
    ), told as (
      update ${sql(schema)}.call set reply_due = false from overdue where call.id = overdue.id returning call.id, ${endOf(sql)}
    ), ${replies(schema, sql, "told")}
    select path, reply_queues from told`,
  );
  wakeReplies(ledger, rows);
}
