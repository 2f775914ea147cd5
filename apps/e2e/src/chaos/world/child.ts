import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Historian } from "../history.ts";

/** A process of the system, which is started again whenever it ends, until it is closed. */
export interface Child {
  readonly name: string;
  /** Resolves, with what it said, when the process that now runs has said that it is ready. */
  ready(): Promise<unknown>;
  /** Resolves when the process after the one that runs is ready. */
  next(): Promise<unknown>;
  /** Sends a signal; `false` when no process is there to take it. */
  signal(signal: NodeJS.Signals): boolean;
  /** Tells the process that now runs something; it is lost when none is there. */
  send(message: object): void;
  /** From now on this end is no surprise: by this signal, or by exit code 0. */
  expectEnd(): void;
  /** Ends it for good, kindly. */
  close(): Promise<void>;
}

/** How a process is started. */
export interface ChildOptions {
  readonly name: string;
  readonly file: URL;
  readonly env: Readonly<Record<string, string>>;
  /** Modules to load before the program. */
  readonly preload: readonly string[];
  readonly note: Historian;
  /** Whether an end that nobody announced may be its own doing. */
  readonly mayDie: (signal: NodeJS.Signals | null) => boolean;
  /** Each process, when it is ready, with what it said. */
  readonly onReady: (said: unknown) => void;
}

/** Longer than any grace that the application has; then it is killed, and that is told. */
const closeMs = 20_000;

/** A process that has ended by itself so often before it was ready never will be. */
const mostFailedStarts = 5;

/** Starts it, and again after each end. */
export function startChild(options: ChildOptions): Child {
  const { name, note } = options;
  let closing = false;
  let endExpected = false;
  let failedStarts = 0;
  let ready: Promise<unknown>;
  let running: ChildProcess;
  const nextReady: ((said: unknown) => void)[] = [];

  function start(): void {
    endExpected = false;
    running = fork(options.file, {
      env: { ...process.env, ...options.env, CHAOS_NAME: name },
      execArgv: ["--expose-gc", "--unhandled-rejections=strict", ...options.preload.flatMap((module) => ["--import", module])],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const waiting = nextReady.splice(0);
    const message = once(running, "message").then(([said]: unknown[]) => {
      failedStarts = 0;
      options.onReady(said);
      for (const resolve of waiting) resolve(said);
      return said;
    });
    const ended = once(running, "exit").then(([code, signal]: unknown[]) => {
      const told = { code: code as number | null, signal: signal as NodeJS.Signals | null };
      const expected = closing || endExpected ? code === 0 || signal !== null : options.mayDie(told.signal);
      note({ kind: "exited", ...told, expected }, name);
      if (closing) return null;
      if (signal === null) failedStarts += 1;
      if (failedStarts >= mostFailedStarts)
        throw new Error(`${name} does not start: it ended with exit code ${told.code}, again and again.`);
      start();
      return ready;
    });
    ended.catch(() => undefined);
    // A process that ends before it is ready is started again; whoever waits waits for the next one.
    ready = Promise.race([message, ended]);
    ready.catch(() => undefined);
  }

  start();
  return {
    name,
    ready: () => ready,
    next: () => new Promise((resolve) => nextReady.push(resolve)),
    signal: (signal) => running.exitCode === null && running.signalCode === null && running.kill(signal),
    send: (message) => void (running.connected && running.send(message)),
    expectEnd: () => void (endExpected = true),
    async close() {
      closing = true;
      if (running.exitCode !== null || running.signalCode !== null) return;
      const ended = once(running, "exit");
      running.kill("SIGCONT");
      if (running.connected) running.disconnect();
      const late = setTimeout(() => running.kill("SIGKILL"), closeMs);
      const [code, signal] = (await ended) as [number | null, string | null];
      clearTimeout(late);
      if (code !== 0) throw new Error(`${name} did not end by itself: exit code ${code}, signal ${signal}.`);
    },
  };
}
