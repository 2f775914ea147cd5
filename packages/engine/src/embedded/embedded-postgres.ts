/**
 * A real Postgres that comes with npm, for development, demonstrations and tests: shared by every process that is started in one directory.
 *
 * **What lies where.** All of it in `<directory>/.raincheck` (see `place.ts` for when it cannot): the data, the password, a lock, a pipe.
 *
 * **Who decides what.** Starting, joining and stopping happen under the lock, one process at a time; a lock whose holder died is
 * taken over (`lock-file.ts`). Whether a server runs is read from the process table, never from a pid file (`process-table.ts`). Who uses
 * it is whoever has the pipe open: the kernel keeps that list, and no process has to say goodbye (`presence.ts`).
 *
 * **What ends how.**
 * - The last user closes: that process stops the server, and waits until it has stopped.
 * - Users end without closing, by whatever signal: the server's supervisor, a shell that waits on the pipe, stops it after three seconds
 *   without a user. A process that is started meanwhile joins the running server. No signal handler and no exit hook is
 *   installed here, so those of the application keep their meaning.
 * - The process that started the server ends before others: nothing happens; server and supervisor have a session of their own.
 * - A starter is killed on its way: an unfinished database has a draft's name and is thrown away by the next starter; a server without users
 *   stops, or is joined.
 * - The server is killed: whoever uses it looks once a second, and the first to see it starts another, which recovers; on the same port,
 *   unless that was taken meanwhile. So does the next starter.
 * - The supervisor is killed: the next starter stops the server and starts it anew, because nobody would stop it otherwise.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EngineSetupError } from "../engine-errors.ts";
import { findBinaries } from "./binaries.ts";
import { ensureCluster } from "./cluster.ts";
import { readCredentials, urlOf, writeCredentials } from "./credentials.ts";
import { type HeldLock, takeLock } from "./lock-file.ts";
import { pidInPidFile } from "./pid-file.ts";
import { type Place, preparePlace } from "./place.ts";
import { type Presence, becomePresent, ensurePipe, isAnybodyPresent } from "./presence.ts";
import { isRunning } from "./process-identity.ts";
import { type Postmaster, findPostmaster, isServing } from "./process-table.ts";
import { waitUntilReady } from "./readiness.ts";
import { startServer, stopServer } from "./server.ts";
import { asSetupError } from "./setup-sentence.ts";

/** How to open the embedded Postgres. */
export interface EmbeddedPostgresOptions {
  /** Whose Postgres: every process that names the same directory shares one. Its data lies below, in `.raincheck/postgres`. Default: the current directory. */
  readonly directory?: string;
  /** Told what is being done, a line at a time without its end. Default: nothing is told. */
  readonly log?: (line: string) => void;
}

/** A use of the embedded Postgres. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** The connection string of its superuser, with the password: `postgres://raincheck:…@127.0.0.1:port/postgres`. */
  readonly url: string;
  /** Ends this use; the last one of all processes stops the server and waits until it has stopped. Idempotent. */
  close(): Promise<void>;
}

/** How long another process may take with the server; a start that recovers from a crash is the longest. */
const lockPatienceMs = 90_000;

/** Between two looks whether the server still runs. */
const lookMs = 1_000;

/** How long a supervisor takes at most to notice that its server has ended. */
const farewellMs = 2_000;

/**
 * Starts the directory's Postgres, or joins it if another process has.
 *
 * It listens on 127.0.0.1 only, on a port that was free, and knows one role with a random password. When root calls, the server runs
 * as another user. A process that has it open can still exit by itself.
 *
 * @throws {EngineSetupError} when it cannot be had, in one sentence that says why and what to do.
 */
export async function openEmbeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  const { log = () => {} } = options;
  const directory = options.directory ?? ".";
  try {
    if (process.platform === "win32")
      throw new EngineSetupError("The embedded Postgres runs on Linux and macOS: on Windows, give a database url.");
    const place = preparePlace(resolve(directory), log);
    const lock = await lockPlace(place);
    try {
      return useOf({ place, joined: await joinOrStart(place, log), log });
    } finally {
      lock.release();
    }
  } catch (error) {
    throw asSetupError(error, directory);
  }
}

interface Joined {
  readonly url: string;
  readonly presence: Presence;
}

async function joinOrStart(place: Place, log: (line: string) => void): Promise<Joined> {
  for (;;) {
    const running = findPostmaster(place.data);
    if (running === null) return start(place, log);
    const joined = existsSync(place.data) ? await join(place, running) : null;
    if (joined !== null) {
      log(`Using the Postgres that runs on 127.0.0.1:${running.port}.`);
      return joined;
    }
    log(`Waiting for the Postgres on 127.0.0.1:${running.port} to stop, to start it again.`);
    await stopServer(running, place);
  }
}

/** `null`: the server has lost its supervisor, or is about to stop. (If its directory was deleted, it is not even asked.) */
async function join(place: Place, running: Postmaster): Promise<Joined | null> {
  const { password } = readCredentials(place.credentials);
  ensurePipe(place.users);
  const presence = becomePresent(place.users);
  if (presence === null) return null;
  try {
    presence.announce();
    const readiness = await waitUntilReady({ place, port: running.port, password, hasEnded: () => !isRunning(running.pid) });
    // The supervisor may have made up its mind when we came. By now it would have closed its end.
    if (readiness === "ready" && presence.announce()) return { url: urlOf(password, running.port), presence };
  } catch (error) {
    presence.leave();
    throw error;
  }
  presence.leave();
  return null;
}

async function start(place: Place, log: (line: string) => void): Promise<Joined> {
  await refuseIfServedElsewhere(place);
  const stranger = pidInPidFile(place.data);
  if (stranger !== null && isServing(stranger, place.data)) {
    throw new EngineSetupError(
      `A Postgres that was started by other means runs on ${place.data} (process ${stranger}): stop it, and start again.`,
    );
  }
  const binaries = findBinaries(place.serverUser, log);
  const credentials = await ensureCluster(place, binaries, log);
  const { port, presence } = await startServer(place, binaries, credentials);
  if (port !== credentials.port) writeCredentials(place.credentials, { ...credentials, port });
  log(`Started Postgres ${binaries.version} on 127.0.0.1:${port}${place.serverUser === null ? "" : `, as user ${place.serverUser.name}`}.`);
  return { url: urlOf(credentials.password, port), presence };
}

/** A supervisor without a server in this process table: the server is in another container that has the same directory. */
async function refuseIfServedElsewhere(place: Place): Promise<void> {
  if (!existsSync(place.users)) return;
  const giveUpAt = performance.now() + farewellMs;
  for (;;) {
    const presence = becomePresent(place.users);
    if (presence === null) return;
    presence.leave();
    if (performance.now() > giveUpAt) {
      throw new EngineSetupError(
        `The Postgres on ${place.data} runs in another container: stop what uses it there, or give a database url.`,
      );
    }
    await sleep(10);
  }
}

async function lockPlace(place: Place): Promise<HeldLock> {
  const lock = await takeLock(place.lock, lockPatienceMs);
  if (lock.held) return lock;
  throw new EngineSetupError(
    lock.liveness === "elsewhere"
      ? `The embedded Postgres in ${place.home} is being started or stopped in another container: if none has this directory any more, delete ${lock.path}.`
      : `Process ${lock.pid} has been starting or stopping the embedded Postgres in ${place.home} for more than ${lockPatienceMs / 1000} s: end it, and start again.`,
  );
}

function useOf({ place, joined, log }: { place: Place; joined: Joined; log: (line: string) => void }): EmbeddedPostgres {
  const { url } = joined;
  let { presence } = joined;
  let serverPid = findPostmaster(place.data)?.pid ?? null;
  let closing: Promise<void> | undefined;
  let reviving = false;

  async function revive(): Promise<void> {
    const lock = await lockPlace(place);
    try {
      if (closing !== undefined) return;
      const left = presence;
      ({ presence } = await joinOrStart(place, log));
      left.leave();
      serverPid = findPostmaster(place.data)?.pid ?? null;
    } finally {
      lock.release();
    }
  }

  const looking = setInterval(() => {
    if (reviving || serverPid === null || isRunning(serverPid)) return;
    reviving = true;
    log("The Postgres has ended without being told to: it is started again.");
    revive()
      // Tried again at the next look.
      .catch((error: unknown) => log(`It could not be started again: ${String(error)}`))
      .finally(() => (reviving = false));
  }, lookMs).unref();

  async function leave(): Promise<void> {
    try {
      // Under the lock, so that nobody joins between the look and the stop.
      const lock = await lockPlace(place);
      try {
        presence.leave();
        const running = isAnybodyPresent(place.users) ? null : findPostmaster(place.data);
        if (running === null) return;
        await stopServer(running, place);
        log(`Stopped the Postgres on 127.0.0.1:${running.port}.`);
      } finally {
        lock.release();
      }
    } catch (error) {
      // The directory was deleted while the server ran; its supervisor ends it.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw asSetupError(error, place.home);
    } finally {
      presence.leave();
    }
  }

  const close = (): Promise<void> => {
    clearInterval(looking);
    return (closing ??= leave());
  };
  return { url, close, [Symbol.asyncDispose]: close };
}
