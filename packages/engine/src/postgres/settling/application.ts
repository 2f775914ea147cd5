import type { TransactionSql } from "postgres";
import type { NewCall } from "../../new-call.ts";
import type { Ledger } from "../ledger.ts";
import { inTransaction } from "../sessions/transaction.ts";

/**
 * Runs the application's writes in a transaction, and wakes the workers for the calls that were accepted in it: after the commit and
 * apart from it, because commits that carry a NOTIFY wait for each other.
 */
export async function inApplication<TValue>(ledger: Ledger, work: (transaction: TransactionSql) => Promise<TValue>): Promise<TValue> {
  const accepted: NewCall[] = [];
  try {
    return await inTransaction(ledger.application, (transaction) => {
      ledger.acceptedIn.set(transaction, accepted);
      return work(transaction);
    });
  } finally {
    // Also when it failed: the answer to a commit may have been lost. A wake for nothing does no harm.
    const wakes = new Map(accepted.map(({ queue, delayMs }) => [`${queue} ${delayMs}`, { queue, delayMs }]));
    for (const { queue, delayMs } of wakes.values()) ledger.wakes.runnable(queue, delayMs);
  }
}
