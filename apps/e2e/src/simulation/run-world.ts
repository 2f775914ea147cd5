import { brokenBy } from "./broken-promise.ts";
import type { Tally } from "./tally.ts";
import { World } from "./world.ts";

/** A world to run. */
export interface WorldPlan {
  readonly seed: number;
  /** The numbers of its steps, in their order. */
  readonly steps: readonly number[];
  /** Told of each step, in words. */
  readonly tell?: (line: string) => void;
}

/** What a world came to. */
export interface WorldResult {
  /** The same for the same plan. */
  readonly hash: string;
  readonly tally: Tally;
  /** `null`: every promise was kept. */
  readonly failure: WorldFailure | null;
}

/** A promise that was broken. */
export interface WorldFailure {
  readonly invariant: string;
  readonly message: string;
  /** The step after which it was seen; `null`: when all was quiet again. */
  readonly step: number | null;
}

/** Runs a world to its end, or until it breaks a promise. */
export async function runWorld({ seed, steps, tell }: WorldPlan): Promise<WorldResult> {
  const world = new World(seed);
  let current: number | null = null;
  const result = (failure: WorldFailure | null): WorldResult => ({ hash: world.hash.value, tally: world.tally, failure });
  try {
    for (const step of steps) {
      current = step;
      const happened = await world.step(step);
      tell?.(`${step}: ${happened}`);
    }
    current = null;
    await world.end();
    return result(null);
  } catch (error) {
    return result({ ...brokenBy(error), step: current });
  }
}
