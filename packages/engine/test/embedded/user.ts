import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** How long a start may take on a busy machine. */
const openingTimeoutMs = 45_000;

/** What the parent may ask of a `user-process.ts`. */
export type Order = "close" | "end by itself" | "exit" | "throw";

/** What a `user-process.ts` tells its parent. */
export type Report =
  | { readonly type: "log"; readonly line: string }
  | { readonly type: "open"; readonly url: string }
  | { readonly type: "closed" }
  | { readonly type: "refused"; readonly tag: string | null; readonly message: string };

/** How a process ended. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error?: unknown;
}

/** A process of its own that uses, or tries to use, the embedded Postgres. Killed on disposal. */
export class User implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly lines: string[] = [];
  readonly ended: Promise<End>;
  readonly #reports: Report[] = [];
  #changed: () => void = () => {};
  #hasEnded = false;

  constructor(directory: string, env: NodeJS.ProcessEnv = {}) {
    // Detached: in a process group of its own, as the foreground job of a terminal is.
    this.process = fork(join(import.meta.dirname, "user-process.ts"), [directory], {
      detached: true,
      execArgv: [],
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env: { ...process.env, ...env },
    });
    this.ended = this.#end();
    this.process.on("message", (report: Report) => {
      if (report.type === "log") this.lines.push(report.line);
      this.#reports.push(report);
      this.#changed();
    });
  }

  async #end(): Promise<End> {
    try {
      const [code, signal] = (await once(this.process, "exit")) as [number | null, NodeJS.Signals | null];
      return { code, signal };
    } catch (error) {
      // It could not even be started.
      return { code: null, signal: null, error };
    } finally {
      this.#hasEnded = true;
      this.#changed();
    }
  }

  get pid(): number {
    return this.process.pid as number;
  }

  /** Resolves with the first such report, past ones included; rejects when the process ends without it. */
  async report<TType extends Report["type"]>(type: TType, isIt: (report: Extract<Report, { type: TType }>) => boolean = () => true) {
    const signal = AbortSignal.timeout(openingTimeoutMs);
    for (;;) {
      const found = this.#reports.find(
        (report): report is Extract<Report, { type: TType }> => report.type === type && isIt(report as never),
      );
      if (found !== undefined) return found;
      if (this.#hasEnded) throw new Error(`The process ended without "${type}". It told: ${JSON.stringify(this.#reports)}`);
      await new Promise<void>((resolve, reject) => {
        this.#changed = resolve;
        signal.addEventListener("abort", () => reject(new Error(`No "${type}" in time. It told: ${JSON.stringify(this.#reports)}`)));
      });
    }
  }

  order(order: Order): void {
    this.process.send(order);
  }

  async close(): Promise<void> {
    this.order("close");
    await this.report("closed");
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) await this.kill();
  }
}
