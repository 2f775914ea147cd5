import type { Random } from "../chaos/random.ts";
import type { FaultRates } from "./faulty-link.ts";

/** What the scheduler may decide, and how heavily each weighs. */
export interface Weights {
  readonly [decision: string]: number;
  readonly deliver: number;
  readonly act: number;
  readonly tick: number;
  readonly jump: number;
  readonly crash: number;
  readonly freeze: number;
  readonly thaw: number;
}

/** How hard a world is: what can go wrong in it, and how often. */
export interface Hardness {
  readonly rates: FaultRates;
  readonly weights: Weights;
  /** Of the moves of the time, how many leave the timers behind. */
  readonly lateness: number;
  /** Attempts that run at once, over all workers. */
  readonly concurrency: number;
}

/**
 * Draws how hard a world is. Each fault is left out of some worlds altogether: what hides behind one fault is found where there is none
 * ("Swarm Testing", Groce and others, 2012).
 */
export function drawHardness(random: Random): Hardness {
  const upTo = (most: number): number => (random.chance(0.25) ? 0 : random.between(0, most));
  return {
    rates: { drop: upTo(0.15), loseAnswer: upTo(0.2), duplicate: upTo(0.15), reorder: upTo(0.5), loseWake: upTo(0.6) },
    weights: {
      deliver: 60,
      act: 45,
      tick: random.between(3, 10),
      jump: upTo(1.5),
      crash: upTo(0.6),
      freeze: upTo(1.2),
      thaw: 1,
    },
    lateness: upTo(0.4),
    concurrency: random.chance(0.8) ? Infinity : 4,
  };
}
