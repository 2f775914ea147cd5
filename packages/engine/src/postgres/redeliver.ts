import type { Ledger } from "./ledger.ts";
import { executorOf, inTransaction } from "./transaction.ts";

/** Calls looked at in one pass. */
const passCalls = 1_000;

/**
 * Sends again what is long due and was not taken: its delivery may be gone. One that only waits its turn is left as it is, for a
 * delivery that exists is not sent twice. Parked calls and those set aside have none. Drawn at
 * random, so that a lost one in a long backlog is found as soon as any other.
 *
 * The calls are not locked: whoever claims one of them holds its delivery and waits for the call, so to hold the call and wait for
 * the delivery would be a deadlock. A delivery that this sends for a call that was claimed meanwhile is dropped when it is taken.
 */
export async function redeliver(ledger: Ledger): Promise<void> {
  const { schema } = ledger;
  const rows = await ledger.control.use(
    (sql) => sql<{ id: string; queue: string; priority: number }[]>`
    select id, queue, priority from ${sql(schema)}.call
    where state = 'queued' and not parked and aside_attempt is distinct from attempt and due_at < now() - interval '2 seconds'
    order by random() limit ${passCalls}`,
  );
  // In one order everywhere, so that two processes that send the same ids wait for each other in the same order.
  const deliveries = rows.map((row) => ({ ...row, delayMs: 0 })).sort((a, b) => (a.id < b.id ? -1 : 1));
  if (deliveries.length === 0) return;
  await inTransaction(ledger.control, (transaction) => ledger.delivery.send(executorOf(transaction), deliveries));
  for (const queue of new Set(rows.map((row) => row.queue))) ledger.wakes.runnable(queue, 0);
}
