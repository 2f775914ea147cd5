import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedPostgres } from "@raincheck/engine/embedded";
import postgres, { type Sql } from "postgres";

/** The database of a run: that of `DATABASE_URL`, or an embedded one that is gone afterwards. */
export async function openDatabase(opened: AsyncDisposableStack): Promise<string> {
  const given = process.env["DATABASE_URL"];
  if (given !== undefined) return given;
  const directory = await mkdtemp(join(tmpdir(), "raincheck-bench-"));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  return opened.use(await openEmbeddedPostgres({ directory })).url;
}

/** Makes an empty database beside that of a URL, which is gone afterwards; answers with its URL. */
export async function addDatabase(opened: AsyncDisposableStack, url: string, name: string): Promise<string> {
  await withDatabase(url, (sql) => sql.unsafe(`create database ${name}`));
  opened.defer(async () => void (await withDatabase(url, (sql) => sql.unsafe(`drop database ${name} with (force)`))));
  const added = new URL(url);
  added.pathname = `/${name}`;
  return added.href;
}

/** Works on one connection of its own. */
export async function withDatabase<TValue>(url: string, work: (sql: Sql) => Promise<TValue>): Promise<TValue> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

/** Which Postgres it is. */
export function serverVersion(url: string): Promise<string> {
  return withDatabase(url, async (sql) => {
    const [row] = await sql<{ server_version: string }[]>`show server_version`;
    return row?.server_version ?? "unknown";
  });
}
