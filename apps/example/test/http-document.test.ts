/** docs/http.md, run as it is printed: one shell from its first command to its last, against the server that it shows. */
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { memoryEngine } from "@raincheck/engine/memory";
import { postgresEngine } from "@raincheck/engine/postgres";
import { runWorker } from "@raincheck/worker";
import { expect, it } from "vitest";
import { testSchema } from "../../../tooling/vitest/test-schema.ts";
import { plainHttpApi } from "../src/quickstart/plain-http.ts";

const document = join(import.meta.dirname, "../../../docs/http.md");

/** Put between the outputs of the blocks. */
const next = "---- the next block ----";

/** A machine can be without curl, and Raincheck with it. */
const noCurl = spawnSync("curl", ["--version"]).error !== undefined;

it.skipIf(noCurl).for(["memory", "postgres"])(
  "every command of docs/http.md prints what stands below it, with the engine %s",
  async (name) => {
    await using cleanup = new AsyncDisposableStack();
    const schema = name === "memory" ? null : await testSchema();
    const engine = schema === null ? memoryEngine() : postgresEngine({ url: schema.url, schema: schema.name });
    cleanup.defer(() => engine.stop());
    await engine.start();
    const { raincheck, server } = plainHttpApi(engine);
    cleanup.use(await runWorker({ raincheck, signals: false, shutdownGrace: "0 millis" }));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanup.defer(() => {
      server.close();
      server.closeAllConnections();
    });
    const folder = await mkdtemp(join(tmpdir(), "raincheck-http-"));
    cleanup.defer(() => rm(folder, { recursive: true }));

    const blocks = [...(await readFile(document, "utf8")).matchAll(/^```(sh|text)\n(.*?)\n```$/gms)];
    const written = (wanted: string) => blocks.filter(([, language]) => language === wanted).map(([, , code]) => code!);
    const [commands, expected] = [written("sh"), written("text")];
    expect(blocks.map(([, language]) => language)).toEqual(commands.flatMap(() => ["sh", "text"]));
    expect(commands.length).toBeGreaterThan(8);

    const { port } = server.address() as AddressInfo;
    const script = commands.join(`\necho '${next}'\n`).replaceAll("localhost:3000", `127.0.0.1:${port}`);
    const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script], { cwd: folder, timeout: 50_000 });
    const printed = stdout.replaceAll("\r", "").split(next);
    expect(printed).toHaveLength(commands.length);
    for (const [index, lines] of expected.entries()) expectInOrder(printed[index]!, lines.split("\n"), commands[index]!);
  },
);

/** What is expected was printed in this order; headers that nobody speaks of may stand between. */
function expectInOrder(printed: string, expected: readonly string[], command: string): void {
  let from = 0;
  for (const line of expected) {
    const words = line.split("…").map((part) => part.replace(/[^\w\s]/g, "\\$&"));
    const found = new RegExp(words.join(".*?")).exec(printed.slice(from));
    expect(found, `${command}\nprints\n${printed}\nand not\n${line}`).not.toBeNull();
    from += found!.index + found![0].length;
  }
}
