import type { Failure } from "@raincheck/protocol";
import type { Ledger } from "../ledger.ts";
import { endOf, replies } from "../replying/reply-rows.ts";
import { type EndedRow, tellEnds } from "../settling/tell-ends.ts";

/** Calls expired in one pass. */
const passCalls = 500;

const startByPassed: Failure = { code: "START_BY_PASSED", message: "The call expired: no attempt began before its startBy had passed." };
const deadlinePassed: Failure = { code: "DEADLINE_PASSED", message: "The call expired: its deadline passed before it had ended." };

/** Ends the calls whose time has run out, queued or running. A running attempt learns of it at its next extension. */
export async function expireDue(ledger: Ledger): Promise<void> {
  const { schema, control } = ledger;
  const rows = await control.use(
    (sql) => sql<EndedRow[]>`
    with due as (
      select id from ${sql(schema)}.call where expires_at <= now() order by expires_at limit ${passCalls} for update skip locked
    ), expired as (
      update ${sql(schema)}.call set
        state = 'expired',
        seq = seq + 1,
        worker = null,
        parked = false,
        failure = case when deadline <= now() then ${JSON.stringify(deadlinePassed)} else ${JSON.stringify(startByPassed)} end,
        ended_at = now(),
        due_at = now() + retention_ms * interval '1 millisecond',
        expires_at = null,
        reply_due = false
      where id = any(array(select id from due))
      returning id, seq, attempt, case when concurrency is not null then path end as limited_path, ${endOf(sql)}
    ), ${replies(schema, sql, "expired")}
    select id, limited_path, path, reply_queues from expired`,
  );
  tellEnds(ledger, rows);
}
