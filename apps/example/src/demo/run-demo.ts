import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { once } from "node:events";
import { hasTag } from "@raincheck/protocol";
import { postgresEngine } from "@raincheck/engine/postgres";
import { databaseUrl, ledgerSchema, workingDirectory } from "../settings.ts";
import { seconds } from "../terminal/figures.ts";
import { type Screen, openScreen } from "../terminal/screen.ts";
import { Trouble, codeOf } from "../trouble.ts";
import type { StartOptions } from "./start-options.ts";
import { type Processes, refuseAnotherApi, startProcesses } from "./start-processes.ts";
import { listenForStop } from "./stop-signals.ts";
import { tellStory } from "./tell-story.ts";

/**
 * Starts Postgres, the API and two workers, tells the story of an import whose worker is killed, and serves on until it is stopped.
 *
 * @throws {Trouble} and what the engine's set-up throws, when something stands in the way.
 */
export async function runDemo(options: Pick<StartOptions, "once" | "port" | "directory">): Promise<void> {
  const begunAt = performance.now();
  const screen = openScreen();
  const directory = await enter(options.directory ?? workingDirectory);
  const environment = { ...process.env, EXAMPLE_DIRECTORY: directory };

  let processes: Processes | null = null;
  const stop = listenForStop(() => processes?.kill());
  try {
    const connectionFile = join(directory, ".raincheck", "example.json");
    await refuseAnotherApi(connectionFile);
    screen.print(screen.style("bold", "Raincheck: call a tRPC procedure now, collect the answer later"), "");
    // This process only keeps Postgres running, so that it outlives whoever is killed.
    await using postgres = await openPostgres(stop.signal);
    screen.print(`  ${screen.style("dim", "Postgres")}  ${postgres.label}`);
    await using running = await startProcesses({
      port: options.port,
      environment,
      screen,
      connectionFile,
      onDeath: (trouble) => stop.abort(trouble),
    });
    processes = running;
    stop.signal.throwIfAborted();
    const { api, workers, connection } = running;
    screen.print(
      `  ${screen.style("dim", "API     ")}  ${connection.url} (pid ${api.pid})`,
      `  ${screen.style("dim", "Workers ")}  ${workers.map(({ name, pid }) => `${name} (pid ${pid})`).join(", ")}`,
    );
    await tellStory({ processes: running, screen, environment, signal: stop.signal });
    screen.print("", screen.style("dim", `Done in ${seconds(performance.now() - begunAt)}.`));
    if (!options.once) await serve(screen, running, { directory, signal: stop.signal });
  } catch (error) {
    if (!hasTag(error, "Stopped")) throw error;
    // 128 and the number of SIGINT, as shells count: the demonstration has not come to its end.
    process.exitCode = 130;
  } finally {
    screen.live(null);
  }
}

/** Goes to the directory: the embedded Postgres is shared by the processes of one. */
async function enter(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true });
    process.chdir(directory);
    return directory;
  } catch (cause) {
    throw new Trouble(`The directory ${directory} cannot be used (${codeOf(cause)}): give another with --directory.`, { cause });
  }
}

async function openPostgres(signal: AbortSignal): Promise<AsyncDisposable & { readonly label: string }> {
  await using opening = new AsyncDisposableStack();
  const engine = postgresEngine({ url: databaseUrl, schema: ledgerSchema });
  opening.defer(() => engine.stop());
  await engine.start();
  signal.throwIfAborted();
  const label = databaseUrl === undefined ? "embedded, its data under .raincheck/" : `DATABASE_URL, at ${new URL(databaseUrl).host}`;
  const opened = opening.move();
  return { label, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Where pnpm is not installed, which is where `npm start` works too. */
const run = "npx pnpm@12.21.0 --filter @raincheck/example";

async function serve(
  screen: Screen,
  { connection }: Processes,
  { directory, signal }: { directory: string; signal: AbortSignal },
): Promise<void> {
  const { url, tokens } = connection;
  const where = directory === workingDirectory ? "" : `EXAMPLE_DIRECTORY=${directory} `;
  const suggest = (what: string, ...commands: readonly string[]) =>
    screen.print("", `  ${screen.style("dim", what)}`, ...commands.map((command) => `    ${command}`));
  screen.print("", `${screen.style("bold", `The API serves ${url}`)}  Ctrl-C ends it.`);
  suggest("Ask it:", `curl -H "Authorization: Bearer ${tokens.terminal}" ${url}/flights.imports`);
  suggest("Import 200,000 flights, and send the bill again:", `${where}${run} terminal flights-200k`, `${where}${run} billing`);
  suggest("Read how it is made:", "apps/example/src/router.ts");
  if (!signal.aborted) await once(signal, "abort");
  if (!hasTag(signal.reason, "Stopped")) throw signal.reason;
  screen.print("", "Stopping.");
}
