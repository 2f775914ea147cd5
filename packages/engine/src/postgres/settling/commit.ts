/**
 * One commit: the application's writes, the output, the terminal event, fenced by the attempt.
 *
 * When the connection breaks around COMMIT, nobody knows whether it happened. Then the ledger is read, waiting for a commit
 * that is still under way: if the settlement is there, it happened.
 */
import type { TransactionSql } from "postgres";
import { EngineUnavailable, StaleAttempt } from "../../engine-errors.ts";
import type { AttemptRef } from "../../attempt.ts";
import type { Payload } from "../../payload.ts";
import { inApplication } from "./application.ts";
import type { Ledger } from "../ledger.ts";
import { controlLimits, setLimits } from "../sessions/session-limits.ts";
import { type SettledRow, settledBefore, settleRows } from "./settle.ts";
import { goAhead, isMarked, markTransaction, rolledBack } from "../sessions/transaction.ts";
import { isAborted, isOfTheWork, isUnavailable, whileAvailable } from "../sessions/unavailable.ts";
import { tellEnds } from "./tell-ends.ts";

/** See `Engine.commit`. */
export async function commit<TValue>(
  ledger: Ledger,
  attempt: AttemptRef,
  work: (transaction: TransactionSql) => Promise<{ value: TValue; output: Payload }>,
): Promise<TValue> {
  // Filled when everything but COMMIT itself has happened.
  const done: { value: TValue; output: Payload; settled: SettledRow }[] = [];
  const thrown: unknown[] = [];
  try {
    await inApplication(ledger, async (transaction) => {
      goAhead(transaction, markTransaction);
      const result = await work(transaction).catch((error: unknown) => {
        thrown.push(error);
        throw error;
      });
      // From here the call's row is locked: a process that freezes now must not hold it for as long as the application may take.
      goAhead(transaction, setLimits(controlLimits, "local"));
      const settling = { attempt, settlement: { type: "succeeded", output: result.output } } as const;
      const [settled] = await settleRows(ledger, { sql: transaction, isMarked: true }, [settling]).catch(explained);
      if (settled === undefined) throw (await isMarked(transaction)) ? new StaleAttempt(attempt) : new Error(endedByItself);
      done.push({ ...result, settled });
    });
  } catch (error) {
    // The very error that the work threw comes out of a transaction only if its connection lived.
    if (!isUnavailable(error) || (thrown.includes(error) && isOfTheWork(error))) throw error;
    if (done.length === 0 || !(await hasCommitted(ledger, attempt, done[0]!.output))) throw new EngineUnavailable("commit", error);
  }
  tellEnds(ledger, [done[0]!.settled]);
  return done[0]!.value;
}

const endedByItself =
  "The work of a commit ended its transaction itself, by a `commit` or `rollback` of its own. Return to commit, throw to roll back; nothing was settled.";

/** Throws what says more than Postgres does of a statement behind one that had failed. */
function explained(error: unknown): never {
  throw isAborted(error) ? rolledBack(error) : error;
}

async function hasCommitted(ledger: Ledger, attempt: AttemptRef, output: Payload): Promise<boolean> {
  const settling = { attempt, settlement: { type: "succeeded", output } } as const;
  const [committed] = await whileAvailable("commit", () => ledger.control.use((sql) => settledBefore(ledger, sql, [settling])));
  return committed === true;
}
