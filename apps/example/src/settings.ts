/** Where the example works and with which database: the same in its API, its workers and its programs, wherever they are started from. */
import { hostname } from "node:os";
import { join, resolve } from "node:path";

const repository = resolve(import.meta.dirname, "../../..");

/** The directory whose `.raincheck/` holds the embedded Postgres and how to reach the API. `EXAMPLE_DIRECTORY`; default the repository. */
export const workingDirectory = resolve(repository, process.env["EXAMPLE_DIRECTORY"] ?? ".");

/** How the programs of one working directory find its API; see `connection-file.ts`. */
export const connectionFile = join(workingDirectory, ".raincheck", "example.json");

/** `DATABASE_URL`; `undefined`, when it is not set or empty, means the embedded Postgres. */
export const databaseUrl: string | undefined = process.env["DATABASE_URL"] || undefined;

/** The schema of the ledger. `RAINCHECK_SCHEMA`; default `raincheck`. */
export const ledgerSchema = process.env["RAINCHECK_SCHEMA"] ?? "raincheck";

/** The schema of the example's own tables. `EXAMPLE_SCHEMA`; default `example`. */
export const exampleSchema = process.env["EXAMPLE_SCHEMA"] ?? "example";

/** Names this process to people: in the ledger, in logs and in progress. `PROCESS_NAME`; default host and process id. */
export const processName = process.env["PROCESS_NAME"] ?? `${hostname()}:${process.pid}`;
