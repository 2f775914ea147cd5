import { runChaos } from "../chaos-run.ts";
import type { Mutant } from "./mutant.ts";
import { mutants } from "./mutants.ts";

/** What became of one mutant. */
export interface MutantResult {
  readonly name: string;
  readonly caught: boolean;
  /** The promises that it broke, as the checker found, whether these were to be expected of it or not; null: none. */
  readonly by: string | null;
}

/** How the mutants are run. */
export interface MutantsOptions {
  /** Load and faults for each. */
  readonly seconds: number;
  readonly seed: number;
  readonly leaseMs: number;
  readonly pauseMs: number;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs the mutants one after the other, each in a system of its own. */
export async function runMutants(options: MutantsOptions): Promise<readonly MutantResult[]> {
  const results: MutantResult[] = [];
  for (const mutant of mutants) {
    const result = await runMutant(mutant, options);
    options.log(`${result.caught ? `caught by ${result.by}` : "MISSED"}: ${mutant.name}`);
    results.push(result);
  }
  return results;
}

async function runMutant(
  { name, breaks, faults, listen, pace }: Mutant,
  { seconds, seed, leaseMs, pauseMs, signal }: MutantsOptions,
): Promise<MutantResult> {
  const { violations } = await runChaos({
    seconds,
    seed,
    faults,
    listen,
    leaseMs,
    pauseMs,
    ...pace,
    preload: [new URL("preload.ts", import.meta.url).href],
    env: { CHAOS_MUTANT: name },
    log: () => undefined,
    signal,
  });
  const broken = [...new Set(violations.map(({ invariant }) => invariant))].sort();
  return { name, caught: breaks.some((one) => broken.includes(one)), by: broken.length === 0 ? null : broken.join(", ") };
}
