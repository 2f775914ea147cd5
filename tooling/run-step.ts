import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** One step of a check: a program and what to call it. */
export interface Step {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
  /** What to run when it fails. */
  readonly mend?: string;
  /** Show its output while it runs: for the step that takes longest. */
  readonly live?: boolean;
  /** How long it may take. Default ten minutes: it is there to end what hangs, not to measure. */
  readonly limitMs?: number;
}

/** Where and how to run a step. */
export interface RunOptions {
  readonly cwd: string;
  readonly verbose: boolean;
  /** Takes what is told about the step. Default: standard output. */
  readonly print?: (text: string) => void;
}

/** Runs a step with the repository's programs, prints its line, and its output when it failed; resolves with whether it went well. */
export async function runStep(
  step: Step,
  { cwd, verbose, print = (text) => void process.stdout.write(text) }: RunOptions,
): Promise<boolean> {
  const { name, command, mend, limitMs = 600_000 } = step;
  const live = verbose || step.live === true;
  const beganAt = performance.now();
  print(live ? `${name}:\n` : `${name} … `);
  const { ok, output } = await run(command, { cwd, live, limitMs });
  const seconds = ((performance.now() - beganAt) / 1000).toFixed(1);
  print(`${live ? `${name} … ` : ""}${ok ? "ok" : "FAILED"} (${seconds} s)\n`);
  // Some programs colour whatever a CI machine reads, NO_COLOR or not.
  const readable = process.stdout.isTTY ? output : stripVTControlCharacters(output);
  if (!ok && !live) print(`${readable.trimEnd()}\n`);
  if (!ok && mend !== undefined) print(`To mend it: ${mend}\n`);
  return ok;
}

interface Ran {
  readonly ok: boolean;
  readonly output: string;
}

function run([program, ...args]: Step["command"], options: { cwd: string; live: boolean; limitMs: number }): Promise<Ran> {
  const { cwd, live, limitMs } = options;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      // A group of its own, so that a step that hangs ends with all that it started.
      detached: true,
      stdio: ["ignore", live ? "inherit" : "pipe", live ? "inherit" : "pipe"],
      env: {
        ...process.env,
        PATH: `${join(cwd, "node_modules/.bin")}${delimiter}${process.env["PATH"] ?? ""}`,
        ...(process.stdout.isTTY ? {} : { NO_COLOR: "1" }),
        TURBO_TELEMETRY_DISABLED: "1",
        TURBO_NO_UPDATE_NOTIFIER: "1",
      },
    });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
    const end = (signal: NodeJS.Signals) => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, signal);
      } catch {
        // It has just ended by itself.
      }
    };
    const interrupt = () => {
      end("SIGTERM");
      process.exit(130);
    };
    const limit = setTimeout(() => {
      output += `\nIt did not end within ${limitMs / 1000} s.`;
      if (live) console.error(`It did not end within ${limitMs / 1000} s.`);
      end("SIGKILL");
    }, limitMs);
    process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
    const done = (ran: Ran) => {
      clearTimeout(limit);
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
      resolve(ran);
    };
    child.on("error", (error) =>
      done({ ok: false, output: `${program} could not be started: ${error.message}. Install first: npm test does.` }),
    );
    child.on("close", (code) => done({ ok: code === 0, output }));
  });
}
