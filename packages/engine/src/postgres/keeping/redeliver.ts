import type { Ledger } from "../ledger.ts";
import { executorOf, inTransaction } from "../sessions/transaction.ts";

/** Calls looked at in one pass. */
const passCalls = 1_000;

/** Where the first pass begins, and the next after the last call. Times are text: a `Date` would drop their microseconds. */
const beginning = { due: "-infinity", id: "00000000-0000-0000-0000-000000000000" };

/**
 * Makes what sends again what is long due and was not taken: its delivery may be gone. One that only waits its turn is left as it is,
 * for a delivery that exists is not sent twice. Parked calls, and those set aside, have none. A pass goes on where the one before has
 * ended, so that each costs the same in a long backlog, and after the last call begins again.
 *
 * The calls are not locked: whoever claims one of them holds its delivery and waits for the call, so to hold the call and wait for
 * the delivery would be a deadlock. A delivery that this sends for a call that was claimed meanwhile is dropped when it is taken.
 */
export function makeRedelivery(ledger: Ledger): () => Promise<void> {
  const { schema } = ledger;
  let from = beginning;
  return async () => {
    const rows = await ledger.control.use(
      (sql) => sql<{ id: string; queue: string; priority: number; due: string }[]>`
      select id, queue, priority, due_at::text as due from ${sql(schema)}.call
      where state = 'queued' and not parked and aside_attempt is distinct from attempt and due_at < now() - interval '2 seconds'
        and (due_at, id) > (${from.due}::text::timestamptz, ${from.id}::uuid)
      order by due_at, id limit ${passCalls}`,
    );
    // In one order everywhere, so that two processes that send the same ids wait for each other in the same order.
    const deliveries = rows.map(({ id, queue, priority }) => ({ id, queue, priority, delayMs: 0 })).sort((a, b) => (a.id < b.id ? -1 : 1));
    if (deliveries.length > 0)
      await inTransaction(ledger.control, (transaction) => ledger.delivery.send(executorOf(transaction), deliveries));
    from = (rows.length < passCalls ? null : rows.at(-1)) ?? beginning;
    for (const queue of new Set(rows.map((row) => row.queue))) ledger.wakes.runnable(queue, 0);
  };
}
