import { type ChildProcess, fork } from "node:child_process";
import type { WorkerLogEntry } from "@raincheck/worker";
import type { WorkerProcessMessage, WorkerProcessSettings } from "./worker-process.ts";

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A worker in a process of its own. Disposing kills it. */
export class WorkerProcess implements AsyncDisposable {
  readonly log: WorkerLogEntry[] = [];
  readonly #told: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<ProcessEnd>;
  #changed = Promise.withResolvers<void>();
  #end: ProcessEnd | null = null;

  constructor(settings: WorkerProcessSettings) {
    this.#child = fork(new URL("./worker-process.ts", import.meta.url), [], {
      env: { ...process.env, SETTINGS: JSON.stringify(settings) },
      execArgv: ["--unhandled-rejections=strict"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child.on("message", (message: WorkerProcessMessage) => {
      if ("log" in message) this.log.push(message.log);
      else this.#told.push(message.resolver);
      this.#change();
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        this.#end = { code, signal };
        this.#change();
        resolve(this.#end);
      });
    });
  }

  /** Resolves when it has started. */
  async started(): Promise<this> {
    await this.until(() => this.logged("worker-started").length > 0);
    return this;
  }

  /** Resolves when its resolvers have said this so often. */
  told(what: string, times = 1): Promise<void> {
    return this.until(() => this.#told.filter((one) => one === what).length >= times);
  }

  /** The log entries of an event so far. */
  logged(event: WorkerLogEntry["event"]): readonly WorkerLogEntry[] {
    return this.log.filter((entry) => entry.event === event);
  }

  /** Resolves when the condition holds, looking at each message; rejects when the process ends before. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#end !== null) throw new Error(`The worker's process has ended: ${JSON.stringify(this.#end)}`);
      await this.#changed.promise;
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when the process has ended. */
  ended(): Promise<ProcessEnd> {
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Also one that is stopped: it ends without being continued.
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
