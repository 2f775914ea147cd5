import type { Told, procedures } from "../application/raincheck.ts";
import type { Work } from "../application/work.ts";
import type { Random } from "../random.ts";

/** The procedures of the application that a client calls. */
export type ProcedureName = keyof typeof procedures;

/** One thing that a client does. */
export interface Scenario {
  readonly procedure: ProcedureName;
  readonly work: Omit<Work, "tag">;
  /** After how long it is cancelled; null: never. */
  readonly cancelAfterMs: number | null;
  /** How many requests with the same key are sent at once. */
  readonly submissions: number;
  /** Whether a second client of the same owner follows too. */
  readonly followedTwice: boolean;
  /** Whether somebody else tries to read and cancel it. */
  readonly spiedUpon: boolean;
  /** Whether the call is read when it has ended. */
  readonly readAtEnd: boolean;
  /** Who is told of its end beside its followers; if anybody is, the application's server starts it. */
  readonly told: readonly Told[];
  /** Whether another call is made of it when it has ended: a retry of a dead letter, a replay of any other. */
  readonly repeated: boolean;
}

/** How often which of them is done; calls that poison a worker are the nemesis's. */
const weights = {
  effect: 42,
  limited: 4,
  stream: 8,
  plain: 10,
  flaky: 9,
  brief: 6,
  refuse: 5,
  cancelled: 6,
  raced: 8,
  overtaken: 14,
  outstreamed: 8,
};

/** How often who is told of an end. */
const tellings = { nobody: 75, reply: 11, webhook: 10, both: 4 };

/** The next thing to do. */
export function nextScenario(random: Random): Scenario {
  const kind = random.weighted(weights);
  const ms = Math.floor(random.chance(0.1) ? random.between(200, 1_500) : random.between(0, 40));
  const stubborn = random.chance(0.2);
  const usual = {
    cancelAfterMs: null,
    submissions: random.chance(0.05) ? 3 : 1,
    followedTwice: random.chance(0.1),
    spiedUpon: random.chance(0.03),
    readAtEnd: random.chance(0.2),
    told: toldOf(random.weighted(tellings)),
    repeated: random.chance(0.04),
  };
  const work = { ms, againMs: ms, stubborn, failing: 0, yields: 1 + random.below(random.chance(0.05) ? 400 : 12) };
  switch (kind) {
    case "flaky":
      return { ...usual, procedure: random.chance(0.7) ? "effect" : "stream", work: { ...work, failing: 1 + random.below(2) } };
    case "refuse":
      return { ...usual, procedure: "refuse", work, repeated: random.chance(0.5) };
    case "cancelled":
      return {
        ...usual,
        procedure: "effect",
        work: { ...work, ms: 8_000, againMs: 8_000, stubborn: false },
        cancelAfterMs: random.between(0, 1_500),
      };
    case "raced":
      return { ...usual, procedure: random.chance(0.5) ? "effect" : "plain", work, cancelAfterMs: ms + random.between(0, 30) };
    case "overtaken":
      // A zombie wakes while the attempt after it runs, and only the fence keeps its result out.
      return { ...usual, procedure: "plain", work: { ...work, ms: random.between(200, 1_500), againMs: 4_000, stubborn: true } };
    case "outstreamed":
      // The same, of values that come so often that the zombie has one to tell before it knows what it is.
      return {
        ...usual,
        procedure: "stream",
        work: { ...work, ms: random.between(300, 2_500), againMs: 6_000, stubborn: true, yields: 15 + random.below(15) },
      };
    default:
      return { ...usual, procedure: kind, work };
  }
}

function toldOf(who: keyof typeof tellings): readonly Told[] {
  if (who === "nobody") return [];
  return who === "both" ? ["reply", "webhook"] : [who];
}

/** A call that kills three workers. */
export const poisonous: Scenario = {
  procedure: "poison",
  work: { ms: 0, againMs: 0, stubborn: false, failing: 0, yields: 1 },
  cancelAfterMs: null,
  submissions: 1,
  followedTwice: false,
  spiedUpon: false,
  readAtEnd: true,
  told: ["reply", "webhook"],
  repeated: false,
};

/** A call that has nothing to fear: what must work again when the faults are over. */
export const peaceful: Scenario = { ...poisonous, procedure: "effect", told: [] };
