/**
 * The application's own transactions: which kinds are taken, and one way to run our statements in each.
 *
 * Both kinds take a statement as text with `$1`, `$2` and values. What differs between drivers and mappers is how they send arrays,
 * numbers, dates and JSON, and what they make of column names and types on the way back. So a statement that may run here is given
 * one text for all its data, as JSON, and answers with one row of one column, again JSON as text: see {@link answerOf}.
 */
import type { TransactionSql } from "postgres";
import type { AdaptedTransaction } from "../../delivery/adapters.ts";
import type { SqlExecutor } from "../../delivery/delivery.ts";
import { TransactionRefused } from "../../engine-errors.ts";
import { executorOf } from "../sessions/transaction.ts";

/** A transaction that a call can be accepted in: postgres.js's own, or one of another library behind its adapter. */
export type CallerTransaction = TransactionSql | AdaptedTransaction;

/**
 * Where our statements run in a transaction of the application.
 *
 * @throws {TransactionRefused} for anything else, with what to pass instead. Whether it is an open transaction on the ledger's
 *   database, only Postgres can say: see `join.ts`.
 */
export function executorOfCaller(transaction: unknown): SqlExecutor {
  if (has(transaction, "executeSql")) {
    const adapted = transaction as AdaptedTransaction;
    return { execute: (text, values = []) => adapted.executeSql(text, [...values]) };
  }
  // Knex's has a `savepoint` too.
  if (has(transaction, "unsafe") && has(transaction, "savepoint")) return executorOf(transaction as TransactionSql);
  throw new TransactionRefused(mendFor(transaction));
}

/** What our statements answer in a transaction of the application: the one value of the one row, whatever its column is called by now. */
export function answerOf<TAnswer>(rows: readonly unknown[]): TAnswer {
  return JSON.parse(Object.values(rows[0] as object)[0] as string) as TAnswer;
}

/** What to write instead of a value that is no transaction. */
function mendFor(given: unknown): string {
  const adapters = "The adapters are exported by @raincheck/engine/postgres.";
  if (has(given, "unsafe"))
    return "This is postgres.js outside of a transaction. Pass what sql.begin(async (tx) => …) hands its function: transaction: tx.";
  if (has(given, "$queryRawUnsafe"))
    return `This is Prisma's client. Pass transaction: fromPrisma(tx), with the tx of prisma.$transaction(async (tx) => …). ${adapters}`;
  if (has(given, "executeQuery"))
    return `This is Kysely's. Pass transaction: fromKysely(trx), with the trx of db.transaction().execute(async (trx) => …). ${adapters}`;
  if (has(given, "raw"))
    return `This is Knex's. Pass transaction: fromKnex(trx), with the trx of knex.transaction(async (trx) => …). ${adapters}`;
  if (has(given, "execute"))
    return `This is Drizzle's. Pass transaction: fromDrizzle(tx, sql), with the tx of db.transaction(async (tx) => …) and sql from drizzle-orm. ${adapters}`;
  if (has(given, "query"))
    return "This is a connection. After its begin, pass transaction: { executeSql: (text, values) => client.query(text, values) }.";
  return `Expected the transaction that sql.begin() of postgres.js hands its function, or one of Drizzle, Kysely, Knex or Prisma behind its adapter, but got ${describe(given)}. ${adapters}`;
}

function has(value: unknown, method: string): boolean {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return typeof Reflect.get(value, method) === "function";
}

function describe(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return value instanceof Promise
    ? "a promise: await it first"
    : `an object with ${Object.keys(value).slice(0, 5).join(", ") || "no properties"}`;
}
