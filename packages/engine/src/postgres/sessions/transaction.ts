/** The one file that opens transactions. */
import type { Sql, TransactionSql } from "postgres";
import type { SqlExecutor } from "../../delivery/delivery.ts";
import { revocable } from "./revocable.ts";
import { begin as defaultBegin } from "./session-limits.ts";
import type { Sessions } from "./sessions.ts";
import { isUnavailable } from "./unavailable.ts";

/** Where a statement can run: a session, or an open transaction. */
export type Executor = Sql | TransactionSql;

/**
 * Runs `work` in a transaction: committed when it resolves, rolled back when it rejects. `begin` is not waited for, but travels with
 * the first statement, for a round trip is most of what a small statement costs.
 *
 * The transaction that `work` is handed refuses every statement once it is over: what a careless `work` leaves running must not
 * meet the session's next user. Nor must a transaction whose rollback failed: its session is given up.
 *
 * What `work` has thrown is thrown on as the same value, unless the connection broke before it was rolled back and the error may come
 * of that: so such an error, if it is the same, is of `work`'s own making.
 */
export async function inTransaction<TValue>(sessions: Sessions, work: (transaction: TransactionSql) => Promise<TValue>): Promise<TValue> {
  const outcome = await sessions.use(async (session, discard): Promise<{ value: TValue } | { error: unknown }> => {
    let isGivenUp = false;
    function giveUp(): void {
      isGivenUp = true;
      discard();
    }
    try {
      return { value: await inTransactionOf(session, work, { begin: sessions.begin, giveUp }) };
    } catch (error) {
      if (isGivenUp) throw error;
      // Postgres has answered, to the rollback: the sessions must not take for an outage what `work` has met elsewhere.
      return { error };
    }
  });
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

/** How a transaction is run on a session at hand. */
export interface TransactionOptions {
  /** The statement that begins it. Default: as a session without a pooler does. */
  readonly begin?: string;
  /** Called when the session may still be inside the transaction. Default: nothing is. */
  readonly giveUp?: () => void;
}

/** As {@link inTransaction}, on a session that is at hand and nobody else uses. */
export async function inTransactionOf<TValue>(
  session: Sql,
  work: (transaction: TransactionSql) => Promise<TValue>,
  { begin = defaultBegin, giveUp = () => undefined }: TransactionOptions = {},
): Promise<TValue> {
  const { transaction, revoke } = revocable(session);
  try {
    // When it fails, so does every statement behind it.
    session
      .unsafe(begin)
      .execute()
      .catch(() => undefined);
    const value = await work(transaction);
    revoke();
    const { command } = await session.unsafe("commit");
    // Postgres makes a rollback of it when a statement has failed, even if `work` did not mind.
    if (command !== "COMMIT") throw rolledBack();
    return value;
  } catch (error) {
    revoke();
    const isRolledBack = await session.unsafe("rollback").then(
      () => true,
      () => false,
    );
    if (isRolledBack) throw error;
    giveUp();
    throw isUnavailable(error) ? broken(error) : error;
  }
}

function broken(cause: unknown): Error {
  return Object.assign(new Error("The transaction's connection broke.", { cause }), { code: "CONNECTION_CLOSED" });
}

/** What says why nothing of a transaction is there. */
export function rolledBack(cause?: unknown): Error {
  return new Error(
    "The transaction was rolled back, because one of its statements had failed. Let its error through, or put a statement that may fail into a `savepoint()`.",
    { cause },
  );
}

/** Marks an open transaction, until it ends. */
export const markTransaction = "set local raincheck.transaction = 'open'";

/** As a condition: the transaction is the one that was marked. */
export const isMarkedSql = "current_setting('raincheck.transaction', true) is not distinct from 'open'";

/** Whether it is the transaction that was marked, and not what follows a `commit` or `rollback` within it. */
export async function isMarked(transaction: TransactionSql): Promise<boolean> {
  const [row] = await transaction.unsafe<{ marked: boolean }[]>(`select ${isMarkedSql} as marked`);
  return row?.marked === true;
}

/** Sends a statement that is not waited for, ahead of those that follow it. When it fails, so do they. */
export function goAhead(transaction: TransactionSql, statement: string): void {
  transaction
    .unsafe(statement)
    .execute()
    .catch(() => undefined);
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
