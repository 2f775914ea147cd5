import { type Connection, readConnection } from "../connection-file.ts";
import type { Screen } from "../terminal/screen.ts";
import { Trouble } from "../trouble.ts";
import { ChildProgram } from "./child-program.ts";

/** What {@link startProcesses} is told. */
export interface StartProcessesOptions {
  readonly port: number;
  readonly environment: NodeJS.ProcessEnv;
  readonly screen: Screen;
  /** Where the API writes how to reach it. */
  readonly connectionFile: string;
  /** Told when a process ends that should not. */
  readonly onDeath: (trouble: Error) => void;
}

/** The processes of the demonstration: one API, two workers. */
export interface Processes extends AsyncDisposable {
  readonly workers: readonly ChildProgram[];
  readonly api: ChildProgram;
  readonly connection: Connection;
  /** Ends all at once. */
  kill(): void;
}

const programs = new URL("../", import.meta.url);

/**
 * Looks whether an API of the example serves this directory already: its workers would take this demonstration's calls.
 *
 * @throws {Trouble} when one answers.
 */
export async function refuseAnotherApi(connectionFile: string): Promise<void> {
  const connection = await readConnection(connectionFile).catch(() => null);
  if (connection === null) return;
  const answers = await fetch(connection.url, { method: "HEAD", signal: AbortSignal.timeout(2_000) }).then(
    () => true,
    () => false,
  );
  if (answers) throw anotherApi(connection.url);
}

function anotherApi(url: string): Trouble {
  return new Trouble(`Another API of the example serves this directory, at ${url}: stop it, or work in another with --directory.`);
}

/**
 * Starts the processes, and resolves when all of them do their work.
 *
 * @throws {Trouble} when one of them cannot; those that could are stopped.
 */
export async function startProcesses(options: StartProcessesOptions): Promise<Processes> {
  const { port, environment, screen, connectionFile, onDeath } = options;
  await using starting = new AsyncDisposableStack();
  const start = (name: string, program: string): ChildProgram => {
    const onLine = (line: string) => screen.print(screen.style("dim", `${name}: ${line}`));
    return new ChildProgram({ name, file: new URL(program, programs), environment: { ...environment, PORT: String(port) }, onLine });
  };
  const api = start("api", "api.ts");
  const workers = [start("worker-1", "worker.ts"), start("worker-2", "worker.ts")];
  const all = [api, ...workers];
  // Together: each waits for its own work only.
  starting.defer(async () => void (await Promise.all(all.map((child) => child.stop()))));
  const [{ url }] = await Promise.all([api.ready(), ...workers.map((worker) => worker.ready())]);
  const connection = await readConnection(connectionFile);
  if (connection.url !== url) throw anotherApi(connection.url);
  for (const child of all) void child.death().then(onDeath);
  const running = starting.move();
  return {
    api,
    workers,
    connection,
    kill: () => all.forEach((child) => child.kill()),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
