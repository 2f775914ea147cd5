import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedPostgres } from "@raincheck/engine/embedded";
import postgres from "postgres";

/** The database of a run: that of `DATABASE_URL`, or an embedded one that is gone afterwards. */
export async function openDatabase(opened: AsyncDisposableStack): Promise<string> {
  const given = process.env["DATABASE_URL"];
  if (given !== undefined) return given;
  const directory = await mkdtemp(join(tmpdir(), "raincheck-bench-"));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  return opened.use(await openEmbeddedPostgres({ directory })).url;
}

/** Which Postgres it is. */
export async function serverVersion(url: string): Promise<string> {
  const sql = postgres(url, { max: 1 });
  try {
    const [row] = await sql<{ server_version: string }[]>`show server_version`;
    return row?.server_version ?? "unknown";
  } finally {
    await sql.end();
  }
}
