import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { WorldFailure } from "../run-world.ts";
import type { SimulatedMutant } from "./mutants.ts";

/** What a mutant broke, and in which world. */
export interface MutantFailure extends WorldFailure {
  readonly seed: number;
}

/** Within how many steps a mutant must be caught. */
const stepsToCatch = { core: 200_000, system: 6_000 } as const;

/** Longer than any mutant takes that does not go round in circles. */
const timeoutMs = 60_000;

/** Simulates a mutant in a process of its own. @returns `null` when it was missed. */
export async function runMutant({ name, by }: SimulatedMutant, seed: number): Promise<MutantFailure | null> {
  const args = [join(import.meta.dirname, "simulate-mutant.ts"), name, String(seed), String(stepsToCatch[by])];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: timeoutMs });
  return JSON.parse(stdout) as MutantFailure | null;
}
