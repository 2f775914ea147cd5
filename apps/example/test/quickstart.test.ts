/** The README's quick start, run as it is printed there: each file a process of its own. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, vi } from "vitest";
import { testSchema } from "../../../tooling/vitest/test-schema.ts";
import { makeReport } from "../src/quickstart/make-report.ts";

const folder = join(import.meta.dirname, "../src/quickstart");

it.for(["before", "after"])("the quick start prints the report %s the change", async (when) => {
  const port = await freePort();
  await using schema = await testSchema();
  await using server = await startServer(when, { PORT: String(port), DATABASE_URL: schema.url });
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, when, "client.ts")], {
    env: { ...process.env, API_URL: `http://127.0.0.1:${port}`, NO_COLOR: "1" },
    timeout: 20_000,
  });
  const { delayed } = await makeReport(2001);
  expect(stdout.match(/\d+/g)?.map(Number), server.said()).toEqual(delayed);
});

/** Starts a server of the quick start; resolves when it takes connections. */
async function startServer(
  when: string,
  env: { readonly PORT: string; readonly DATABASE_URL: string },
): Promise<AsyncDisposable & { said: () => string }> {
  const child: ChildProcess = spawn(process.execPath, [join(folder, when, "server.ts")], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout?.on("data", (text) => (output += String(text)));
  child.stderr?.on("data", (text) => (output += String(text)));
  const exited = once(child, "exit");
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  try {
    await vi.waitFor(
      async () => {
        if (child.exitCode !== null) throw new Error(`The server ended: ${output}`);
        const socket = connect(Number(env.PORT), "127.0.0.1");
        await once(socket, "connect");
        socket.destroy();
      },
      { timeout: 20_000 },
    );
  } catch (error) {
    await stop();
    throw new Error(`The server did not listen: ${output}`, { cause: error });
  }
  return { said: () => output, [Symbol.asyncDispose]: stop };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (typeof address !== "object" || address === null) throw new Error("No port.");
  return address.port;
}
