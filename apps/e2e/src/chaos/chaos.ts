/**
 * `npm run chaos -- [--seconds N] [--seed S] [--json FILE]`: breaks a running system for a while, and checks that it kept every promise.
 *
 * The exit code is 1 when a promise was broken or a mutant was missed.
 */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { chaosCommand } from "./chaos-command.ts";
import { runChaos } from "./chaos-run.ts";
import { printReport } from "./print-report.ts";

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => interrupted.abort(new Error("Interrupted: the processes are ended, nothing is checked.")));
}

try {
  const { json, ...options } = chaosCommand(process.argv.slice(2));
  const report = await runChaos({ ...options, preload: [], log: (line) => console.error(`chaos: ${line}`), signal: interrupted.signal });
  printReport(report);
  // Relative to where the command was typed; a script of the workspace runs elsewhere.
  if (json !== null) await writeFile(resolve(process.env["INIT_CWD"] ?? ".", json), `${JSON.stringify(report, null, 2)}\n`);
  process.exitCode = report.violations.length > 0 ? 1 : 0;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
