/**
 * pg-boss's adapters, through which one statement at a time runs in a transaction of another library.
 *
 * Their types are written out here, because those of pg-boss compile under `skipLibCheck` alone.
 */
import * as pgBoss from "pg-boss";

/** A transaction of another library, as `fromDrizzle`, `fromKysely`, `fromKnex` and `fromPrisma` make one of it. */
export interface AdaptedTransaction {
  /** Runs one statement with `$1`, `$2`, … in the open transaction. */
  executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** What {@link fromDrizzle} needs of a transaction of drizzle-orm. */
export interface DrizzleTransaction {
  execute(query: unknown): Promise<{ rows: unknown[] } | unknown[]>;
}

/** What {@link fromDrizzle} needs of drizzle-orm's `sql`. */
export interface DrizzleSql {
  (strings: TemplateStringsArray, ...values: unknown[]): unknown;
  param(value: unknown): unknown;
}

/** What {@link fromKysely} needs of a transaction of Kysely. */
export interface KyselyTransaction {
  executeQuery<TRow>(query: {
    readonly sql: string;
    readonly parameters: readonly unknown[];
    // Kysely's node of the query. No type of ours could name it without Kysely.
    readonly query: never;
    readonly queryId: { readonly queryId: string };
  }): Promise<{ readonly rows: TRow[] }>;
}

/** What {@link fromKnex} needs of a transaction of Knex. */
export interface KnexTransaction {
  raw(sql: string, bindings: never): PromiseLike<unknown>;
}

/** What {@link fromPrisma} needs of a transaction of Prisma. */
export interface PrismaTransaction {
  $queryRawUnsafe<TRows = unknown>(query: string, ...values: unknown[]): PromiseLike<TRows>;
}

/** A transaction of Drizzle: `fromDrizzle(tx, sql)` inside `db.transaction(async (tx) => …)`, with `sql` from `drizzle-orm`. */
export function fromDrizzle(transaction: DrizzleTransaction, sql: DrizzleSql): AdaptedTransaction {
  return pgBoss.fromDrizzle(transaction, sql);
}

/** A transaction of Kysely: `fromKysely(trx)` inside `db.transaction().execute(async (trx) => …)`. */
export function fromKysely(transaction: KyselyTransaction): AdaptedTransaction {
  return pgBoss.fromKysely(transaction);
}

/** A transaction of Knex: `fromKnex(trx)` inside `knex.transaction(async (trx) => …)`. */
export function fromKnex(transaction: KnexTransaction): AdaptedTransaction {
  return pgBoss.fromKnex(transaction as pgBoss.KnexTransactionLike);
}

/** An interactive transaction of Prisma: `fromPrisma(tx)` inside `prisma.$transaction(async (tx) => …)`. */
export function fromPrisma(transaction: PrismaTransaction): AdaptedTransaction {
  return pgBoss.fromPrisma(transaction as pgBoss.PrismaTransactionLike);
}
