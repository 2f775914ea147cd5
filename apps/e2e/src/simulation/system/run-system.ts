import { randomOf } from "../../chaos/random.ts";
import { brokenBy } from "../broken-promise.ts";
import { HistoryHash } from "../history-hash.ts";
import type { WorldFailure } from "../run-world.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { type SystemTally, emptySystemTally, systemTallied } from "./system-tally.ts";
import { SystemWorld } from "./system-world.ts";
import { liveVirtually } from "./virtual-globals.ts";

/** Steps that one world takes before its faults stop. */
const worldSteps = 300;

/** What a simulation of the whole system came to. */
export interface SystemReport {
  readonly seed: number;
  readonly steps: number;
  readonly worlds: number;
  readonly stepsPerSecond: number;
  /** The same for the same seed and steps. */
  readonly hash: string;
  readonly happened: SystemTally;
  /** `null`: every promise was kept. */
  readonly failure: SystemFailure | null;
}

/** A promise that was broken, and the world that broke it. */
export interface SystemFailure extends WorldFailure {
  readonly seed: number;
  readonly replay: string;
}

/** Simulates one world after the other, until the steps are taken or a promise is broken. From here on this process lives in virtual time. */
export async function runSystem(plan: { readonly seed: number; readonly steps: number }): Promise<SystemReport> {
  const began = process.cpuUsage();
  const happened = emptySystemTally();
  const hash = new HistoryHash();
  let taken = 0;
  let worlds = 0;
  let failure: SystemFailure | null = null;
  while (taken < plan.steps && failure === null) {
    const seed = (plan.seed + worlds) >>> 0;
    const steps = Math.min(worldSteps, plan.steps - taken);
    const result = await runSystemWorld(seed, steps);
    for (const name of systemTallied) happened[name] += result.tally[name];
    hash.add(result.hash);
    taken += steps;
    worlds += 1;
    if (result.failure !== null)
      failure = { ...result.failure, seed, replay: `npm run simulate -- --system --seed ${seed} --steps ${steps}` };
  }
  const { user, system } = process.cpuUsage(began);
  const stepsPerSecond = Math.round(taken / ((user + system) / 1e6));
  return { seed: plan.seed, steps: taken, worlds, stepsPerSecond, hash: hash.value, happened, failure };
}

async function runSystemWorld(seed: number, steps: number): Promise<{ hash: string; tally: SystemTally; failure: WorldFailure | null }> {
  const clock = new VirtualClock();
  const random = randomOf(seed);
  liveVirtually(clock, random.fork("globals"));
  const world = new SystemWorld(clock, random.fork("system"));
  const result = (failure: WorldFailure | null) => ({ hash: world.hash.value, tally: world.tally, failure });
  let step: number | null = 0;
  try {
    for (; step < steps; step++) await world.step();
    step = null;
    await world.end();
    return result(null);
  } catch (error) {
    return result({ ...brokenBy(error), step });
  }
}
