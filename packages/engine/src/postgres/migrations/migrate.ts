/**
 * The ledger's schema, brought up to date.
 *
 * Migrations are numbered from 1 and only ever appended. A process that finds the ledger up to date takes no lock; any number
 * of processes that do not take turns under an advisory lock, and each looks again once it has it.
 *
 * Old and new processes live together during a deploy, so each migration after the first leaves the release before it working: it only
 * adds what that release need not know (`test/postgres/additive.ts` says which forms do), and a release brings one at most. A ledger that
 * is one version newer than this release is used as it is, therefore; one that is further ahead is refused, for nobody has tried that.
 */
import type { Sql } from "postgres";
import { EngineSetupError } from "../../engine-errors.ts";
import { ledger } from "./0001-ledger.ts";
import { parent } from "./0002-parent.ts";
import { aside } from "./0003-aside.ts";
import { repeatsAndReplies } from "./0004-repeats-and-replies.ts";
import { yielded } from "./0005-yielded.ts";
import { inTransactionOf } from "../sessions/transaction.ts";

/** Every migration, the first one first. */
export const migrations: readonly ((schema: string) => string)[] = [ledger, parent, aside, repeatsAndReplies, yielded];

/** The version of the ledger that this release writes. */
const ledgerVersion = migrations.length;

/**
 * A change of a table waits for every transaction that has touched it, and everybody else waits behind the change: for so long, and then
 * the start is tried again later.
 */
const lockTimeout = "2s";

/**
 * Brings the schema up to date, or checks that it is.
 *
 * @throws {EngineSetupError} when it is behind and `migrate` is `false`, or more than one version ahead.
 */
export async function migrateLedger(sql: Sql, options: { schema: string; migrate: boolean }): Promise<void> {
  const { schema } = options;
  const found = await readVersion(sql, schema);
  refuseTooNew(found, schema);
  if (found >= ledgerVersion) return;
  if (!options.migrate) {
    throw new EngineSetupError(
      `The ledger in schema "${schema}" is older than this release of Raincheck (it has version ${found}, ${ledgerVersion} is needed): start once with migrate: true, as a role that may create tables.`,
    );
  }
  await inTransactionOf(sql, async (transaction) => {
    await transaction`select pg_advisory_xact_lock(hashtext(${`raincheck:${schema}`}))`;
    const version = await readVersion(transaction, schema);
    refuseTooNew(version, schema);
    if (version >= ledgerVersion) return;
    const statements = [
      `set local lock_timeout = '${lockTimeout}';`,
      `create schema if not exists ${schema};`,
      `create table if not exists ${schema}.migration (version integer primary key, applied_at timestamptz not null default now());`,
      ...migrations.slice(version).map((migration) => migration(schema)),
      ...migrations.slice(version).map((_, index) => `insert into ${schema}.migration (version) values (${version + index + 1});`),
    ];
    await transaction.unsafe(statements.join("\n"));
  });
}

function refuseTooNew(version: number, schema: string): void {
  if (version <= ledgerVersion + 1) return;
  throw new EngineSetupError(
    `The ledger in schema "${schema}" has version ${version}, and this release of Raincheck works with versions up to ${ledgerVersion + 1}: upgrade this process to the release that migrated the ledger, or to the one before it.`,
  );
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
