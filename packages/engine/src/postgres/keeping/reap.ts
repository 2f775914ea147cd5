import { type Failure, limits } from "@raincheck/protocol";
import { webhookCrashes, webhookPathPrefix } from "../../reply.ts";
import type { Ledger } from "../ledger.ts";
import { endOf, replies } from "../replying/reply-rows.ts";
import { type Executor, executorOf, inTransaction } from "../sessions/transaction.ts";
import { type EndedRow, tellEnds } from "../settling/tell-ends.ts";

/** Calls taken back in one pass. */
const passCalls = 500;

/** Why a call was given up after so many crashes, as the column holds it. */
function poison(crashes: number): string {
  const message = `The call was given up: ${crashes} of its attempts were lost. Their workers died, or were silent for a whole lease, as one is whose resolver blocks its process.`;
  return JSON.stringify({ code: "POISON", message } satisfies Failure);
}

interface ReapedRow extends EndedRow {
  readonly queue: string;
  readonly priority: number;
  readonly state: "queued" | "failed";
}

/**
 * Takes back the calls whose lease has ended: the worker died, froze, or lost its connection. Their attempt counts as a crash,
 * not as a failure; the third ends the call.
 */
export async function reapLost(ledger: Ledger): Promise<void> {
  const reaped = await inTransaction(ledger.control, async (transaction) => {
    const rows = await reapRows(ledger, transaction);
    const back = rows.filter(({ state }) => state === "queued").map(({ id, queue, priority }) => ({ id, queue, priority, delayMs: 0 }));
    if (back.length > 0) await ledger.delivery.send(executorOf(transaction), back);
    return rows;
  });
  tellEnds(ledger, reaped);
  const back = reaped.filter(({ state }) => state === "queued");
  for (const queue of new Set(back.map((row) => row.queue))) ledger.wakes.runnable(queue, 0);
}

function reapRows({ schema }: Ledger, sql: Executor): Promise<ReapedRow[]> {
  const isWebhook = sql`starts_with(path, ${webhookPathPrefix})`;
  const isLast = sql`crashes + 1 >= case when ${isWebhook} then ${webhookCrashes}::int else ${limits.crashes}::int end`;
  return sql<ReapedRow[]>`
    with lost as (
      select id from ${sql(schema)}.call where state = 'running' and due_at < now() order by due_at limit ${passCalls} for update skip locked
    ), reaped as (
      update ${sql(schema)}.call set
        state = case when ${isLast} then 'failed' else 'queued' end,
        crashes = crashes + 1,
        seq = seq + 1,
        worker = null,
        failure = case when ${isLast} then case when ${isWebhook} then ${poison(webhookCrashes)} else ${poison(limits.crashes)} end end,
        ended_at = case when ${isLast} then now() end,
        reply_due = reply_due and not (${isLast}),
        due_at = now() + case when ${isLast} then retention_ms * interval '1 millisecond' else '0' end,
        expires_at = case when not (${isLast}) then deadline end
      where id = any(array(select id from lost))
      returning id, seq, attempt, queue, state, case when concurrency is not null then path end as limited_path, ${endOf(sql)}
    ), noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt, body)
      select id, seq, 'retrying', now(), attempt, ${JSON.stringify({ reason: "lost", failure: null, delayMs: 0 })} from reaped where state = 'queued'
    ), ${replies(schema, sql, "reaped")}
    select id, queue, priority, state, limited_path, path, reply_queues from reaped`;
}
