/**
 * The ledger's schema, brought up to date.
 *
 * Migrations are numbered from 1 and only ever appended. A process that finds the ledger up to date takes no lock; any number
 * of processes that do not take turns under an advisory lock, and each looks again once it has it. A ledger that is newer than
 * this release is left alone and used as it is.
 */
import type { Sql } from "postgres";
import { EngineSetupError } from "../engine-errors.ts";
import { ledger } from "./migrations/0001-ledger.ts";
import { aside } from "./migrations/0003-aside.ts";
import { inTransactionOf } from "./transaction.ts";

const migrations: readonly ((schema: string) => string)[] = [ledger, aside];

/** The version of the ledger that this release writes. */
const ledgerVersion = migrations.length;

/**
 * Brings the schema up to date, or checks that it is.
 *
 * @throws {EngineSetupError} when it is behind and `migrate` is `false`.
 */
export async function migrateLedger(sql: Sql, options: { schema: string; migrate: boolean }): Promise<void> {
  const { schema } = options;
  if ((await readVersion(sql, schema)) >= ledgerVersion) return;
  if (!options.migrate) {
    throw new EngineSetupError(
      `The ledger in schema "${schema}" is older than this release of Raincheck (it has version ${await readVersion(sql, schema)}, ${ledgerVersion} is needed): start once with migrate: true, as a role that may create tables.`,
    );
  }
  await inTransactionOf(sql, async (transaction) => {
    await transaction`select pg_advisory_xact_lock(hashtext(${`raincheck:${schema}`}))`;
    const version = await readVersion(transaction, schema);
    if (version >= ledgerVersion) return;
    const statements = [
      `create schema if not exists ${schema};`,
      `create table if not exists ${schema}.migration (version integer primary key, applied_at timestamptz not null default now());`,
      ...migrations.slice(version).map((migration) => migration(schema)),
      ...migrations.slice(version).map((_, index) => `insert into ${schema}.migration (version) values (${version + index + 1});`),
    ];
    await transaction.unsafe(statements.join("\n"));
  });
}

async function readVersion(sql: Pick<Sql, "unsafe">, schema: string): Promise<number> {
  // Asked of the catalog's own rows: to_regclass() may answer from what this connection knew before it waited for the lock.
  const [found] = await sql.unsafe<{ installed: boolean }[]>(
    "select exists (select from pg_class join pg_namespace on pg_namespace.oid = relnamespace where nspname = $1 and relname = 'migration') as installed",
    [schema],
  );
  if (!found?.installed) return 0;
  const [row] = await sql.unsafe<{ version: number }[]>(`select coalesce(max(version), 0)::int as version from ${schema}.migration`);
  return row?.version ?? 0;
}
