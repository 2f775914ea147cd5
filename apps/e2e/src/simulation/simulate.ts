/**
 * `npm run simulate -- [--steps N] [--seed S] [--json FILE]`: the core under a seeded simulation.
 *
 * - `--only 3-5,9`: only these steps of the seed's world; what a failure tells to be run again.
 * - `--mutants`: simulates faulty cores instead, each of which must be caught within the steps.
 *
 * The exit code is 1 when a promise was broken or a mutant was missed.
 */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { coreMutants } from "./mutants/core-mutants.ts";
import { runCoreMutant } from "./mutants/run-core-mutant.ts";
import { type SimulationFailure, type SimulationPlan, type SimulationReport, runSimulation, worldSteps } from "./run-simulation.ts";
import { simulateCommand } from "./simulate-command.ts";

/** Steps of a failure that are shown; the report has all. */
const shownSteps = 40;

const command = simulateCommand(process.argv.slice(2), Math.floor(Math.random() * 2 ** 32));
console.log(`  seed                        ${command.seed}`);
const { report, ok } = command.what === "mutants" ? await mutants(command) : await simulation(command);
// Relative to where the command was typed; a script of the workspace runs elsewhere.
if (command.json !== null) await writeFile(resolve(process.env["INIT_CWD"] ?? ".", command.json), `${JSON.stringify(report, null, 2)}\n`);
process.exitCode = ok ? 0 : 1;

async function simulation(plan: SimulationPlan): Promise<{ report: SimulationReport; ok: boolean }> {
  const report = await runSimulation(plan);
  console.log(`  steps                       ${report.steps} in ${report.worlds} worlds, ${report.stepsPerSecond} a second`);
  console.log(`  hash                        ${report.hash}`);
  for (const [name, count] of Object.entries(report.happened)) console.log(`  ${name.padEnd(28)}${count}`);
  if (report.failure !== null) await tell(report.failure);
  return { report, ok: report.failure === null };
}

async function mutants({ seed, steps }: SimulationPlan): Promise<{ report: object; ok: boolean }> {
  const results = [];
  for (const { name } of coreMutants) {
    const failure = await runCoreMutant(name, { seed, worlds: Math.ceil(steps / worldSteps) });
    console.log(`  ${failure === null ? "MISSED" : `caught by ${failure.invariant}`}: ${name}`);
    results.push({ name, failure });
  }
  return { report: { seed, mutants: results }, ok: results.every(({ failure }) => failure !== null) };
}

async function tell({ message, seed, step, trace, replay }: SimulationFailure): Promise<void> {
  console.log(
    `\nBroken at commit ${await commit()}, seed ${seed}, ${step === null ? "when all was quiet again" : `step ${step}`}:\n  ${message}`,
  );
  console.log(`\nThese ${trace.length} steps are enough:`);
  if (trace.length > shownSteps) console.log("  …");
  for (const line of trace.slice(-shownSteps)) console.log(`  ${line}`);
  console.log(`\nTo see it again: ${replay}`);
}

async function commit(): Promise<string> {
  const git = await promisify(execFile)("git", ["describe", "--always", "--dirty"], { cwd: import.meta.dirname }).catch(() => null);
  return git?.stdout.trim() ?? "unknown";
}
