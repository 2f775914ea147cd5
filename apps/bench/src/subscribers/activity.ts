import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";

/** What a server does for others than whoever asks. */
export interface Activity extends AsyncDisposable {
  /** Connections of clients to the database. */
  connections(): Promise<number>;
  /** Transactions a second, over so many seconds. What the engine does while idle is one statement each. */
  rate(seconds: number): Promise<number>;
}

/** Watches a database. */
export function watchActivity(url: string): Activity {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  const transactions = async (): Promise<number> => {
    const [row] = await sql<{ count: number }[]>`
      select (xact_commit + xact_rollback)::float8 as count from pg_stat_database where datname = current_database()`;
    return row?.count ?? Number.NaN;
  };
  return {
    async connections() {
      const [row] = await sql<{ count: number }[]>`
        select count(*)::int as count from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`;
      return row?.count ?? Number.NaN;
    },
    async rate(seconds) {
      const [before, begun] = [await transactions(), performance.now()];
      await sleep(seconds * 1_000);
      const after = await transactions();
      // Of the two questions asked here, the first is in the second's answer.
      return Math.max(0, (after - before - 1) / ((performance.now() - begun) / 1_000));
    },
    [Symbol.asyncDispose]: () => sql.end(),
  };
}
