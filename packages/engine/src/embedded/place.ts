import { createHash, randomUUID } from "node:crypto";
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EngineSetupError } from "../engine-errors.ts";
import { type OsUser, canEnter, chooseServerUser, ownLike, unprivilegedOwner } from "./os-user.ts";

/** Where everything of one embedded Postgres lies, and whose the server is. */
export interface Place {
  /** Holds all the others. */
  readonly home: string;
  /** Postgres's data directory. */
  readonly data: string;
  /** Password and last port, for the owner alone. */
  readonly credentials: string;
  /** Held while the server is initialised, started, joined or stopped. */
  readonly lock: string;
  /** The presence pipe. */
  readonly users: string;
  /** What the server said since its last start. */
  readonly log: string;
  /** `null`: this process's own user. */
  readonly serverUser: OsUser | null;
}

/** Where files go that the server's user must reach, when he cannot reach the project. */
export const sharedPlaces = "/var/lib/raincheck";

/**
 * Finds or makes the place of a project's embedded Postgres: `<project>/.raincheck`.
 *
 * Root's server runs as another user. Where that user may not enter the project (`/root/app`), the place is a directory below
 * {@link sharedPlaces} instead, and `.raincheck/elsewhere` says so. Deleting `.raincheck` parts with that directory too: the next
 * one gets another name.
 *
 * @throws {EngineSetupError} when there is no such project directory, or no user to run the server.
 */
export function preparePlace(project: string, log: (line: string) => void): Place {
  if (!statSync(project, { throwIfNoEntry: false })?.isDirectory()) {
    throw new EngineSetupError(`The embedded Postgres needs a directory to live in, and ${project} is none.`);
  }
  const directory = realpathSync(project);
  const chosenUser = chooseServerUser(directory);
  const visible = join(directory, ".raincheck");
  makeDirectory(visible, chosenUser === null ? 0o700 : 0o711);
  createOnce(join(visible, ".gitignore"), "*\n");

  const home = chosenUser === null || isReachable(visible, chosenUser) ? visible : homeElsewhere(visible, chosenUser, log);
  const data = join(home, "postgres");
  // Data that exists stays its owner's: the server must run as the user who initialised it.
  const serverUser = chosenUser === null || !existsSync(data) ? chosenUser : (unprivilegedOwner(data) ?? chosenUser);
  return {
    home,
    data,
    credentials: join(home, "postgres.json"),
    lock: join(home, "postgres.lock"),
    users: join(home, "postgres.users"),
    log: join(home, "postgres.log"),
    serverUser,
  };
}

function isReachable(visible: string, user: OsUser): boolean {
  return !existsSync(join(visible, "elsewhere")) && canEnter(visible, user);
}

function homeElsewhere(visible: string, user: OsUser, log: (line: string) => void): string {
  const salt = createOnce(join(visible, "elsewhere"), randomUUID());
  // The path is part of the name, so that a copy of the project does not share the server.
  const home = join(sharedPlaces, createHash("sha256").update(`${visible}\n${salt}`).digest("hex").slice(0, 20));
  makeDirectory(sharedPlaces, 0o755);
  makeDirectory(home, 0o711);
  log(`The user ${user.name}, who runs Postgres for root, cannot enter ${visible}: its data lies in ${home}.`);
  return home;
}

function makeDirectory(path: string, mode: number): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  if (found !== undefined)
    throw new EngineSetupError(`${path} is no directory, and the embedded Postgres keeps its data there: move it away.`);
  mkdirSync(path, { recursive: true, mode });
  // The umask may have taken the passage that the server's user needs.
  chmodSync(path, mode);
  ownLike(path, path);
}

/** Writes a file unless it exists; returns what it holds then. Of several at once, one writes. */
function createOnce(path: string, content: string): string {
  const draft = `${path}.${randomUUID()}`;
  try {
    if (!existsSync(path)) {
      writeFileSync(draft, content, { flag: "wx" });
      ownLike(draft, path);
      linkSync(draft, path);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(path, "utf8");
}
