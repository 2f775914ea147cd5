import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program of the example in a process of its own; killed, if it still runs, when it is disposed of. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #end: Promise<ProgramEnd>;
  readonly #listeners = new Set<() => void>();
  #stdout = "";
  #stderr = "";

  /** @param file below `src/`. */
  constructor(file: string, args: readonly string[], environment: Readonly<Record<string, string | undefined>> = {}) {
    const { DATABASE_URL: _url, PORT: _port, NODE_ENV: _environment, FORCE_COLOR: _color, ...inherited } = process.env;
    this.#child = spawn(process.execPath, [fileURLToPath(new URL(`../src/${file}`, import.meta.url)), ...args], {
      env: { ...inherited, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      for (const listener of this.#listeners) listener();
    });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    this.#end = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
        for (const listener of this.#listeners) listener();
      });
    });
  }

  /** Resolves when it has ended. */
  end(): Promise<ProgramEnd> {
    return this.#end;
  }

  /** Resolves when its output has what is looked for; rejects when it ends without. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stdout);
      if (match !== null) return match;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        const { stdout, stderr } = await this.#end;
        const last = pattern.exec(stdout);
        if (last !== null) return last;
        throw new Error(`It ended without printing ${pattern}:\n${stdout}\n${stderr}`);
      }
      await new Promise<void>((resolve) => {
        const once = () => {
          this.#listeners.delete(once);
          resolve();
        };
        this.#listeners.add(once);
      });
    }
  }

  /** Sends it a signal. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.#end;
  }
}

/** The process ids that `npm start` prints. */
export function printedPids(text: string): number[] {
  return [...text.matchAll(/\(pid (\d+)\)/g)].map(([, pid]) => Number(pid));
}

/** Whether a process runs. One that has ended and was not collected by its parent does not. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, "utf8"));
}

/** A directory of its own. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "raincheck-example-"));
  // For root, whose Postgres runs as another user.
  await chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
