import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** When what was written is on disk. `everysec` may lose a second of calls in a crash; with `always` it is as durable as Postgres. */
export type AppendFsync = "everysec" | "always";

/**
 * Starts a Redis of its own, which writes an append-only file.
 *
 * @throws when there is no `redis-server` in the PATH.
 */
export async function openRedis(opened: AsyncDisposableStack, appendFsync: AppendFsync): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "raincheck-bench-redis-"));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const port = await freePort();
  const settings = { port, bind: "127.0.0.1", dir: directory, save: "", appendonly: "yes", appendfsync: appendFsync };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
  const failed = once(server, "error").then(([error]) => {
    throw new Error("BullMQ is measured with a Redis of its own, and there is no redis-server in the PATH: apt-get install redis-server.", {
      cause: error,
    });
  });
  const ready = (async () => {
    for await (const chunk of server.stdout) if (String(chunk).includes("Ready to accept connections")) break;
    server.stdout.resume();
  })();
  await Promise.race([ready, failed]);
  failed.catch(() => undefined);
  opened.defer(async () => {
    if (server.exitCode !== null) return;
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    await ended;
  });
  return `redis://127.0.0.1:${port}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
