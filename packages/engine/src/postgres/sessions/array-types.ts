import { setTimeout as sleep } from "node:timers/promises";
import postgres, { type Sql } from "postgres";

/** What postgres.js learns of the server's array types when it connects. */
export type ArrayTypes = Pick<Sql["options"], "parsers" | "serializers">;

/** Postgres is near: a connection that takes longer is not coming. */
export const connectTimeoutSeconds = 5;

/**
 * Opens one connection that asks the server for its array types, for the sessions that follow.
 *
 * @param work what else there is to do on it, before it closes.
 */
export async function learnArrayTypes(url: string, work: (sql: Sql) => Promise<void>): Promise<ArrayTypes> {
  const sql = postgres(url, {
    max: 1,
    connect_timeout: connectTimeoutSeconds,
    onnotice: () => undefined,
    connection: { application_name: "raincheck start" },
  });
  try {
    // The types are asked for before the first statement is sent. postgres.js itself would go on trying for ever.
    await inTime(sql`select`);
    await work(sql);
    return { parsers: sql.options.parsers, serializers: sql.options.serializers };
  } finally {
    await sql.end({ timeout: 0.5 });
  }
}

async function inTime<TValue>(connecting: PromiseLike<TValue>): Promise<TValue> {
  const late = new AbortController();
  const refuse = sleep((connectTimeoutSeconds + 1) * 1_000, undefined, { signal: late.signal }).then(() => {
    throw Object.assign(new Error("No connection was made in time."), { code: "CONNECT_TIMEOUT" });
  });
  try {
    return await Promise.race([connecting, refuse]);
  } finally {
    refuse.catch(() => undefined);
    late.abort();
  }
}
