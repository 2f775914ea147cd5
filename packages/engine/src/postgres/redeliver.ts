import type { Ledger } from "./ledger.ts";
import { executorOf, inTransaction } from "./transaction.ts";

/** Calls looked at in one pass. */
const passCalls = 1_000;

/**
 * Sends again what is long due and was not taken: its delivery may be gone. One that only waits its turn is left as it is, for a
 * delivery that exists is not sent twice. Newest first: in a long backlog the oldest are at the head of the queue anyway.
 */
export async function redeliver(ledger: Ledger): Promise<void> {
  const { schema } = ledger;
  const queues = await inTransaction(ledger.control, async (transaction) => {
    const rows = await transaction<{ id: string; queue: string; priority: number }[]>`
      select id, queue, priority from ${transaction(schema)}.call
      where state = 'queued' and due_at < now() - interval '2 seconds'
      order by random() limit ${passCalls}
      for update skip locked`;
    if (rows.length > 0) await ledger.delivery.send(executorOf(transaction), rows.map((row) => ({ ...row, delayMs: 0 })));
    return new Set(rows.map(({ queue }) => queue));
  });
  for (const queue of queues) ledger.wakes.runnable(queue, 0);
}
