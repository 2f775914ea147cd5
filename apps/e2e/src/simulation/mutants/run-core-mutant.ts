import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { WorldFailure } from "../run-world.ts";

/** What a mutant broke, and in which world. */
export interface CoreMutantFailure extends WorldFailure {
  readonly seed: number;
}

/** Longer than any mutant takes that does not go round in circles. */
const timeoutMs = 60_000;

/** Simulates a mutant in a process of its own. @returns `null` when it was missed. */
export async function runCoreMutant(
  name: string,
  options: { readonly seed: number; readonly worlds: number },
): Promise<CoreMutantFailure | null> {
  const args = [join(import.meta.dirname, "simulate-mutant.ts"), name, String(options.seed), String(options.worlds)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: timeoutMs });
  return JSON.parse(stdout) as CoreMutantFailure | null;
}
