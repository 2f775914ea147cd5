/** The one file that opens transactions. */
import type { Sql, TransactionSql } from "postgres";
import type { SqlExecutor } from "../delivery/delivery.ts";

/** Where a statement can run: a pool, or an open transaction. */
export type Executor = Sql | TransactionSql;

/** Runs `work` in a transaction: committed when it resolves, rolled back when it rejects. */
export function inTransaction<TValue>(sql: Sql, work: (transaction: TransactionSql) => Promise<TValue>): Promise<TValue> {
  // postgres.js types the result as an unwrapped array of promises; `work` gives a single promise.
  return sql.begin(work) as Promise<TValue>;
}

/** The engine's own short transaction. */
export function inOwnTransaction<TValue>(sql: Sql, work: (transaction: TransactionSql) => Promise<TValue>): Promise<TValue> {
  return inTransaction(sql, work);
}

/** What a delivery gets to run its own statements with. */
export function executorOf(sql: Executor): SqlExecutor {
  return {
    async execute(text, values = []) {
      // Prepared, also without values: a delivery's statements are few and costly to plan.
      return { rows: await sql.unsafe(text, values as never[], prepared) };
    },
  };
}

/** postgres.js sends a statement without values unprepared, unless told `simple: false`, which its types do not have. */
const prepared = { prepare: true, simple: false };
