import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { EngineSetupError } from "../engine-errors.ts";
import { ownLike } from "./os-user.ts";

/** What a process needs to connect, beside the port of the running server. */
export interface Credentials {
  readonly password: string;
  /** Where the server listened last: it is asked to listen there again, so that an open `psql` finds it. */
  readonly port: number | null;
}

/** The only role of the cluster, and its superuser. */
export const role = "raincheck";

/** The database that every cluster has from its birth. */
const database = "postgres";

/** Credentials nobody knows. */
export function makeCredentials(): Credentials {
  return { password: randomBytes(32).toString("base64url"), port: null };
}

/**
 * Reads what {@link writeCredentials} wrote.
 *
 * @throws {EngineSetupError} when the file is missing, unreadable or damaged.
 */
export function readCredentials(path: string): Credentials {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "is missing" : "cannot be read by this user";
    throw new EngineSetupError(`The password of the embedded Postgres, ${path}, ${why}. ${mend}`, cause);
  }
  try {
    const { password, port } = JSON.parse(text) as Partial<Credentials>;
    if (typeof password === "string" && password !== "") return { password, port: typeof port === "number" ? port : null };
  } catch {
    // Said below.
  }
  throw new EngineSetupError(`The password of the embedded Postgres, ${path}, is damaged. ${mend}`);
}

const mend = "Restore the file, or delete the directory that holds it to start with an empty database.";

/** Writes the file for its owner alone, whole or not at all. */
export function writeCredentials(path: string, credentials: Credentials): void {
  const draft = `${path}.${randomUUID()}`;
  try {
    writeFileSync(draft, `${JSON.stringify(credentials)}\n`, { flag: "wx", mode: 0o600 });
    ownLike(draft, path);
    renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The connection string. */
export function urlOf(password: string, port: number): string {
  return `postgres://${role}:${password}@127.0.0.1:${port}/${database}`;
}
