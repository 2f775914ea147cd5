import { type WorldFailure, type WorldPlan, runWorld } from "./run-world.ts";
import { shrink } from "./shrink.ts";
import { type Tally, addTally, emptyTally } from "./tally.ts";

/** Steps that one world takes before its faults stop. */
export const worldSteps = 5_000;

/** What is to be simulated. */
export interface SimulationPlan {
  /** Of all worlds together. */
  readonly steps: number;
  /** Of the first world; the next ones count on from it. */
  readonly seed: number;
  /** Only these steps of the first world, and no other world; `null`: all. */
  readonly only: readonly number[] | null;
}

/** What a simulation came to. */
export interface SimulationReport {
  readonly seed: number;
  readonly steps: number;
  readonly worlds: number;
  /** Of processor time, which other programs do not use up. */
  readonly stepsPerSecond: number;
  /** The same for the same plan. */
  readonly hash: string;
  readonly happened: Tally;
  /** `null`: every promise was kept. */
  readonly failure: SimulationFailure | null;
}

/** A promise that was broken, and how to see it again. */
export interface SimulationFailure extends WorldFailure {
  /** Of the world that broke it. */
  readonly seed: number;
  /** The steps that are enough to break it. */
  readonly only: readonly number[];
  /** What they did, in words. */
  readonly trace: readonly string[];
  readonly replay: string;
}

/** Simulates one world after the other, until the steps are taken or a promise is broken. */
export async function runSimulation(plan: SimulationPlan): Promise<SimulationReport> {
  const happened = emptyTally();
  const began = process.cpuUsage();
  const worlds = plan.only === null ? Math.ceil(plan.steps / worldSteps) : 1;
  let steps = 0;
  let hash = "";
  let failure: SimulationFailure | null = null;
  let world = 0;
  for (; world < worlds && failure === null; world++) {
    const count = Math.min(worldSteps, plan.steps - steps);
    const worldPlan: WorldPlan = { seed: (plan.seed + world) >>> 0, steps: plan.only ?? Array.from({ length: count }, (_, step) => step) };
    const result = await runWorld(worldPlan);
    steps += worldPlan.steps.length;
    hash = sumOf(hash, result.hash);
    addTally(happened, result.tally);
    if (result.failure !== null) failure = await explain(await shrink(worldPlan, result.failure, runWorld));
  }
  const { user, system } = process.cpuUsage(began);
  const stepsPerSecond = Math.round(steps / ((user + system) / 1e6));
  return { seed: plan.seed, steps, worlds: world, stepsPerSecond, hash, happened, failure };
}

/** Runs a shrunk plan once more, this time with a trace. */
async function explain({ seed, steps }: WorldPlan): Promise<SimulationFailure> {
  const trace: string[] = [];
  const { failure } = await runWorld({ seed, steps, tell: (line) => void trace.push(line) });
  if (failure === null)
    throw new Error(`The world of seed ${seed} broke a promise once and not again: the simulation does not repeat itself.`);
  const replay = `npm run simulate -- --seed ${seed} --only ${steps.length === 0 ? "none" : rangesOf(steps)}`;
  return { ...failure, seed, only: steps, trace, replay };
}

/** `3-5,9` for 3, 4, 5 and 9. */
function rangesOf(steps: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const step of steps) {
    const last = ranges.at(-1);
    if (last?.[1] === step - 1) last[1] = step;
    else ranges.push([step, step]);
  }
  return ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(",");
}

/** One sum of two. */
function sumOf(one: string, other: string): string {
  return BigInt.asUintN(64, BigInt(`0x0${one}`) * 1_099_511_628_211n + BigInt(`0x${other}`))
    .toString(16)
    .padStart(16, "0");
}
