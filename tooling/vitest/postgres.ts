/**
 * One Postgres for all integration suites of a run.
 *
 * `RAINCHECK_TEST_DATABASE_URL` names one that exists; otherwise an embedded one is started in a directory of its own, and deleted with
 * it after the run. `RAINCHECK_TEST_KEEP=1` keeps that directory, to look at the schemas of failed tests.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { openEmbeddedPostgres } from "../../packages/engine/src/embedded/index.ts";

/** Starts the Postgres and hands its url to the suites; returns what stops it. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const given = process.env["RAINCHECK_TEST_DATABASE_URL"];
  if (given !== undefined && given !== "") {
    provide("postgresUrl", given);
    return async () => {};
  }
  const directory = await mkdtemp(join(tmpdir(), "raincheck-test-"));
  // For root, whose Postgres runs as another user.
  await chmod(directory, 0o755);
  const postgres = await openEmbeddedPostgres({ directory });
  provide("postgresUrl", postgres.url);
  return async () => {
    await postgres.close();
    if (process.env["RAINCHECK_TEST_KEEP"] === "1") process.stdout.write(`The run's Postgres is kept in ${directory}.\n`);
    else await rm(directory, { recursive: true });
  };
}
