/**
 * Joining a transaction of the application: one statement, before anything is written, that asks where this is and leaves the wake
 * that goes with the commit.
 *
 * - On another database than the ledger's, the transaction is refused.
 * - It answers with the id of the transaction, and the statement that writes asks for the same one. Where each statement is a
 *   transaction of its own, on a client that has begun none or on a pool, the ids differ and nothing is written.
 */
import type { SqlExecutor } from "../../delivery/delivery.ts";
import { TransactionRefused } from "../../engine-errors.ts";
import { answerOf } from "./caller-transaction.ts";
import type { Ledger } from "../ledger.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Notification } from "../waking/wake.ts";

/** Where a ledger is, as a session on it can tell. */
export interface Whereabouts {
  /** When the server was started: two servers differ in it, a copy of a server and the original included. */
  readonly server: number;
  readonly database: string;
  /** `null`: there is no ledger in this schema. */
  readonly ledger: number | null;
}

/** Answers where the ledger is; `again`: it must be asked, because a restart may have changed it. */
export type WhereIs = (again: boolean) => Promise<Whereabouts>;

/** Makes the {@link WhereIs} of one engine. */
export function whereIs(schema: string, control: Sessions): WhereIs {
  let known: Promise<Whereabouts> | null = null;
  return (again) => {
    if (known === null || again) {
      known = control.use(async (sql) => answerOf<Whereabouts>(await sql.unsafe(`select (${here(schema)})::text`)));
      known.catch(() => (known = null));
    }
    return known;
  };
}

/**
 * See the file's head.
 *
 * @param wake goes with the commit; `null`: nobody listens. It stays away while the server's queue of notifications is nearly full, for
 *   then the commit would fail with it; the poll finds the call.
 * @returns the id of the transaction.
 * @throws {TransactionRefused} when it is not on the ledger's database.
 */
export async function join(ledger: Ledger, executor: SqlExecutor, wake: Notification | null): Promise<string> {
  // As text, because Prisma reads no `void`.
  const { rows } = await executor.execute(
    `select json_build_object(
      'here', ${here(ledger.schema)},
      'transaction', pg_current_xact_id()::text,
      'told', case when $1::text is not null and pg_notification_queue_usage() < 0.9 then pg_notify($1::text, $2::text)::text end
    )::text`,
    [wake?.channel ?? null, wake?.payload ?? null],
  );
  const joined = answerOf<{ here: Whereabouts; transaction: string }>(rows);
  const isHome = (home: Whereabouts) =>
    joined.here.server === home.server && joined.here.database === home.database && joined.here.ledger === home.ledger;
  if (!isHome(await ledger.whereIs(false)) && !isHome(await ledger.whereIs(true)))
    throw new TransactionRefused(
      `It is on another database than the ledger (${
        joined.here.ledger === null
          ? `"${joined.here.database}" has no ledger in the schema "${ledger.schema}"`
          : `"${joined.here.database}" has a ledger too, but not the one of this engine`
      }). Begin it on the database whose url postgresEngine() was given, or start the call without a transaction.`,
    );
  return joined.transaction;
}

function here(schema: string): string {
  return `json_build_object(
    'server', extract(epoch from pg_postmaster_start_time()),
    'database', current_database(),
    'ledger', to_regclass('"${schema}".call')::oid::int8
  )`;
}
