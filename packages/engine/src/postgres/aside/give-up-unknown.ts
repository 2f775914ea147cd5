import type { Ledger } from "../ledger.ts";
import { endOf, replies } from "../replying/reply-rows.ts";
import { inTransaction } from "../sessions/transaction.ts";
import { type EndedRow, tellEnds } from "../settling/tell-ends.ts";

/** Calls given up in one pass. */
const passCalls = 500;

/** Ends the calls for which no worker with their procedure has come in time. */
export async function giveUpUnknown(ledger: Ledger): Promise<void> {
  const { schema, control } = ledger;
  const rows = await inTransaction(
    control,
    (sql) => sql<EndedRow[]>`
    with due as (
      select id from ${sql(schema)}.call
      where state = 'queued' and aside_attempt = attempt and aside_until <= now()
      order by aside_until limit ${passCalls} for update skip locked
    ), given_up as (
      update ${sql(schema)}.call set
        state = 'failed',
        seq = seq + 1,
        parked = false,
        failure = json_build_object('code', 'UNKNOWN_PROCEDURE', 'message',
          'No worker of the queue ' || queue || ' has the procedure ' || path || '.')::text,
        ended_at = now(),
        due_at = now() + retention_ms * interval '1 millisecond',
        expires_at = null,
        reply_due = false
      from due where call.id = due.id
      returning call.id, call.seq, call.attempt, case when call.concurrency is not null then call.path end as limited_path,
        ${endOf(sql)}
    ), ${replies(schema, sql, "given_up")}
    select id, limited_path, path, reply_queues from given_up`,
  );
  tellEnds(ledger, rows);
}
