/**
 * The engine, and the example's own tables beside the ledger, in the same Postgres: so that `ctx.call.commit()` writes both in
 * one transaction. The example needs no pool of its own.
 */
import { postgresEngine } from "@raincheck/engine/postgres";
import type { TransactionSql } from "postgres";
import { databaseUrl, exampleSchema, ledgerSchema } from "./settings.ts";

/** Keeps and delivers the calls. */
export const engine = postgresEngine({ url: databaseUrl, schema: ledgerSchema });

/** Any number, but the same in every process. */
const tablesLock = 20_010_101;

/**
 * Makes the tables that are not there yet. Concurrent and repeated calls do it once.
 *
 * `flight` and `import` have no unique constraint on purpose: rows that were committed twice would be there twice.
 */
export async function createTables(): Promise<void> {
  await engine.transaction(async (sql) => {
    await sql`select pg_advisory_xact_lock(${tablesLock})`;
    await sql`create schema if not exists ${sql(exampleSchema)}`;
    await sql`
      create table if not exists ${sql(exampleSchema)}.token (
        sha256 bytea primary key,
        user_id text not null,
        expires_at timestamptz not null
      )`;
    await sql`
      create table if not exists ${sql(exampleSchema)}.import (
        id uuid not null,
        dataset text not null,
        imported_by text not null,
        flights integer not null,
        committed_at timestamptz not null default now()
      )`;
    await sql`
      create table if not exists ${sql(exampleSchema)}.flight (
        import_id uuid not null,
        origin text,
        destination text,
        flown_at timestamp,
        minute_of_day smallint not null,
        delay_minutes smallint not null,
        distance_miles smallint not null
      )`;
    await sql`create index if not exists flight_import_id on ${sql(exampleSchema)}.flight (import_id)`;
  });
}

/** Runs statements in a transaction of their own. */
export function transaction<TValue>(work: (sql: TransactionSql) => Promise<TValue>): Promise<TValue> {
  return engine.transaction(work);
}
