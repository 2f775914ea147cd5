import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { EngineSetupError } from "../engine-errors.ts";
import type { Binaries } from "./binaries.ts";
import { environment } from "./cluster.ts";
import type { Credentials } from "./credentials.ts";
import { ownLike } from "./os-user.ts";
import { disownPidFile } from "./pid-file.ts";
import type { Place } from "./place.ts";
import { type Presence, becomePresent, ensurePipe, openReader } from "./presence.ts";
import { isRunning } from "./process-identity.ts";
import { type Postmaster, findPostmaster } from "./process-table.ts";
import { patienceMs, pollMs, waitUntilReady } from "./readiness.ts";
import { sentenceOf } from "./setup-sentence.ts";

/**
 * Runs the server ($0 and its arguments) and stops it when nobody is present on the pipe (standard input) for three seconds: long
 * enough for a process to be restarted, short enough that nobody finds a forgotten server. It is the server's parent, so the
 * server's pid cannot become another process's before the signal.
 */
const supervise = `
exec 3<&0 </dev/null
"$0" "$@" 3<&- &
server=$!
(
  idle=0
  while [ "$idle" -lt 12 ]; do
    if read -r _; then idle=0; else idle=$((idle + 1)); sleep 0.25 </dev/null; fi
  done
  exec </dev/null
  kill -INT "$server"
) <&3 3<&- &
watcher=$!
exec 3<&-
wait "$server"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
`;

/** A server that runs, and this process's use of it. */
export interface StartedServer {
  readonly port: number;
  readonly presence: Presence;
}

/**
 * Starts a server on the data directory.
 *
 * It gets a session of its own, so that Ctrl-C in a terminal does not end it before the application has drained.
 *
 * @throws {EngineSetupError} when it does not come up.
 */
export async function startServer(place: Place, binaries: Binaries, credentials: Credentials): Promise<StartedServer> {
  const giveUpAt = performance.now() + patienceMs;
  let preferredPort = credentials.port;
  for (;;) {
    const port = await freePort(preferredPort);
    ensurePipe(place.users);
    const outcome = await startOnce({ place, binaries, port, password: credentials.password });
    if ("presence" in outcome) return outcome;
    // Somebody took the port since it was found free.
    preferredPort = null;
    const isPassing = /could not bind|Address already in use|pre-existing shared memory block/.test(outcome.said);
    if (!isPassing || performance.now() > giveUpAt) {
      throw new EngineSetupError(sentenceOf("start the embedded Postgres", outcome.said, place));
    }
    // Children of a server that was killed take a moment to notice.
    await sleep(pollMs);
  }
}

interface Start {
  readonly place: Place;
  readonly binaries: Binaries;
  readonly port: number;
  readonly password: string;
}

/** One try; what the server said, if it ended. */
async function startOnce(start: Start): Promise<StartedServer | { readonly said: string }> {
  const { place, port, password } = start;
  disownPidFile(place.data);
  const reader = openReader(place.users);
  const presence = becomePresent(place.users);
  try {
    if (presence === null) {
      throw new EngineSetupError(
        `The pipe ${place.users} does not work on its file system: put the project on a local one, or give a database url.`,
      );
    }
    const supervisor = spawnSupervisor(start, reader);
    let ended: string | null = null;
    supervisor.once("error", (error) => (ended = error.message));
    supervisor.once("exit", (code, signal) => (ended ??= `it ended with ${code ?? signal}`));

    const readiness = await waitUntilReady({ place, port, password, hasEnded: () => ended !== null });
    if (readiness === "ready") return { port, presence };
    presence.leave();
    return { said: readFileSync(place.log, "utf8").trim() || String(ended) };
  } catch (error) {
    presence?.leave();
    const running = findPostmaster(place.data);
    if (running !== null) await stopServer(running, place);
    throw error;
  } finally {
    closeSync(reader);
  }
}

function spawnSupervisor({ place, binaries, port }: Start, reader: number): ChildProcess {
  const { serverUser } = place;
  const log = openSync(place.log, "w", 0o600);
  try {
    ownLike(place.log, place.log);
    const server = [
      binaries.postgres,
      "-D",
      place.data,
      "-p",
      String(port),
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
    ];
    const supervisor = spawn("/bin/sh", ["-c", supervise, ...server], {
      cwd: "/",
      detached: true,
      stdio: [reader, log, log],
      // Whom a pid file names that `disownPidFile` left: so Postgres knows that no other server has it.
      env: { ...environment, PG_GRANDPARENT_PID: String(process.pid) },
      ...(serverUser === null ? {} : { uid: serverUser.uid, gid: serverUser.gid }),
    });
    supervisor.unref();
    return supervisor;
  } finally {
    closeSync(log);
  }
}

/** Stops a server that no process uses, and waits for the last of its processes: its clients are cut off, what they committed is kept. */
export async function stopServer({ pid, supervisors }: Postmaster, place: Place): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT"] as const) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    if (await isGone(pid)) {
      await Promise.all(supervisors.map(isGone));
      return;
    }
  }
  throw new EngineSetupError(`The Postgres on ${place.data} (process ${pid}) does not stop: end it by hand.`);
}

/** `false` when the process still runs after a long while. */
async function isGone(pid: number): Promise<boolean> {
  const giveUpAt = performance.now() + patienceMs / 2;
  while (isRunning(pid)) {
    if (performance.now() > giveUpAt) return false;
    await sleep(pollMs);
  }
  return true;
}

/** The port that was asked for if it is free, else any that is. */
async function freePort(preferred: number | null): Promise<number> {
  for (const port of preferred === null ? [0] : [preferred, 0]) {
    const server = createServer();
    server.listen({ port, host: "127.0.0.1", exclusive: true });
    try {
      await once(server, "listening");
    } catch {
      continue;
    }
    const { port: found } = server.address() as { port: number };
    server.close();
    await once(server, "close");
    return found;
  }
  throw new EngineSetupError(
    "Could not start the embedded Postgres: no port on 127.0.0.1 can be opened; free some, or give a database url.",
  );
}
