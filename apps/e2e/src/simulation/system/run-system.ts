import { hasTag } from "@raincheck/protocol";
import { randomOf } from "../../chaos/random.ts";
import type { BrokenPromise } from "../broken-promise.ts";
import type { WorldFailure } from "../run-world.ts";
import { VirtualClock } from "../virtual-clock.ts";
import type { SystemTally } from "./system-tally.ts";
import { SystemWorld } from "./system-world.ts";
import { liveVirtually } from "./virtual-globals.ts";

/** What a simulation of the whole system came to. */
export interface SystemReport {
  readonly seed: number;
  readonly steps: number;
  readonly stepsPerSecond: number;
  /** The same for the same seed and steps. */
  readonly hash: string;
  readonly happened: SystemTally;
  /** `null`: every promise was kept. */
  readonly failure: WorldFailure | null;
}

/** Simulates the whole system. Once in a process: from here on that lives in virtual time. */
export async function runSystem({ seed, steps }: { readonly seed: number; readonly steps: number }): Promise<SystemReport> {
  const clock = new VirtualClock();
  const random = randomOf(seed);
  const began = process.cpuUsage();
  liveVirtually(clock, random.fork("globals"));
  const world = new SystemWorld(clock, random.fork("system"));
  let step: number | null = 0;
  let failure: WorldFailure | null = null;
  try {
    for (; step < steps; step++) await world.step();
    step = null;
    await world.end();
  } catch (error) {
    if (!hasTag(error, "BrokenPromise")) throw error;
    const { invariant, message } = error as unknown as BrokenPromise;
    failure = { invariant, message, step };
  }
  const { user, system } = process.cpuUsage(began);
  const taken = failure?.step == null ? steps : failure.step + 1;
  return {
    seed,
    steps: taken,
    stepsPerSecond: Math.round(taken / ((user + system) / 1e6)),
    hash: world.hash.value,
    happened: world.tally,
    failure,
  };
}
