/**
 * `npm run simulate -- [--steps N] [--seed S] [--json FILE]`: the product under a seeded simulation.
 *
 * - `--only 3-5,9`: only these steps of the seed's world; what a failure tells to be run again.
 * - `--system`: the whole system instead: the product's own client, server and worker, in virtual time and far fewer steps.
 * - `--mutants`: simulates faulty products instead, each of which must be caught.
 *
 * The exit code is 1 when a promise was broken or a mutant was missed.
 */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { simulatedMutants } from "./mutants/mutants.ts";
import { runMutant } from "./mutants/run-mutant.ts";
import { type SimulationFailure, type SimulationPlan, type SimulationReport, runSimulation } from "./run-simulation.ts";
import { simulateCommand } from "./simulate-command.ts";
import { type SystemFailure, type SystemReport, runSystem } from "./system/run-system.ts";

/** Steps of a failure that are shown; the report has all. */
const shownSteps = 40;

const command = simulateCommand(process.argv.slice(2), Math.floor(Math.random() * 2 ** 32));
console.log(`  seed                        ${command.seed}`);
const { report, ok } = await { core: simulateCore, system: simulateSystem, mutants: simulateMutants }[command.what](command);
// Relative to where the command was typed; a script of the workspace runs elsewhere.
if (command.json !== null) await writeFile(resolve(process.env["INIT_CWD"] ?? ".", command.json), `${JSON.stringify(report, null, 2)}\n`);
process.exitCode = ok ? 0 : 1;

interface Simulated {
  readonly report: object;
  readonly ok: boolean;
}

async function simulateCore(plan: SimulationPlan): Promise<Simulated> {
  const report = await runSimulation(plan);
  printHappened(report);
  if (report.failure !== null) await tellShrunk(report.failure);
  return { report, ok: report.failure === null };
}

async function simulateSystem({ seed, steps }: SimulationPlan): Promise<Simulated> {
  const report = await runSystem({ seed, steps });
  printHappened(report);
  if (report.failure !== null) {
    await tell(report.failure);
    console.log(`\nTo see it again: ${report.failure.replay}`);
  }
  return { report, ok: report.failure === null };
}

async function simulateMutants({ seed }: SimulationPlan): Promise<Simulated> {
  const results = [];
  for (const mutant of simulatedMutants) {
    const failure = await runMutant(mutant, seed);
    const { name, by } = mutant;
    console.log(`  ${failure === null ? "MISSED" : `caught by ${failure.invariant}`}: ${name}`);
    results.push({ name, by, failure });
  }
  return { report: { seed, mutants: results }, ok: results.every(({ failure }) => failure !== null) };
}

function printHappened({ steps, worlds, stepsPerSecond, hash, happened }: SimulationReport | SystemReport): void {
  console.log(`  steps                       ${steps} in ${worlds} worlds, ${stepsPerSecond} a second`);
  console.log(`  hash                        ${hash}`);
  for (const [name, count] of Object.entries(happened)) console.log(`  ${name.padEnd(28)}${count}`);
}

async function tell({ message, step, seed }: SimulationFailure | SystemFailure): Promise<void> {
  console.log(
    `\nBroken at commit ${await commit()}, seed ${seed}, ${step === null ? "when all was quiet again" : `step ${step}`}:\n  ${message}`,
  );
}

async function tellShrunk(failure: SimulationFailure): Promise<void> {
  const { trace, replay } = failure;
  await tell(failure);
  console.log(`\nThese ${trace.length} steps are enough:`);
  if (trace.length > shownSteps) console.log("  …");
  for (const line of trace.slice(-shownSteps)) console.log(`  ${line}`);
  console.log(`\nTo see it again: ${replay}`);
}

async function commit(): Promise<string> {
  const git = await promisify(execFile)("git", ["describe", "--always", "--dirty"], { cwd: import.meta.dirname }).catch(() => null);
  return git?.stdout.trim() ?? "unknown";
}
