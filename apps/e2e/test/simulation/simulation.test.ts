import { describe, expect, test } from "vitest";
import { runSimulation } from "../../src/simulation/run-simulation.ts";
import { runWorld } from "../../src/simulation/run-world.ts";
import { emptyTally } from "../../src/simulation/tally.ts";

const steps = Array.from({ length: 5_000 }, (_, step) => step);

describe("the core under simulation", () => {
  // A million steps in all. That each thing has happened is asked of each seed: what never happens shows nothing.
  test.each([1, 1_000_000, 2_000_000, 3_000_000])("keeps every promise, from seed %i", async (seed) => {
    const { failure, happened, steps: taken } = await runSimulation({ steps: 250_000, seed, only: null });
    expect(failure).toBeNull();
    expect(taken).toBe(250_000);
    const never = Object.entries(happened).filter(([, count]) => count === 0);
    expect(never).toEqual([]);
  });
});

describe("a simulation", () => {
  test("repeats itself: the same seed is the same history, another seed another", async () => {
    const [one, again, other] = [
      await runWorld({ seed: 7, steps }),
      await runWorld({ seed: 7, steps }),
      await runWorld({ seed: 8, steps }),
    ];
    expect(again).toEqual(one);
    expect(other.hash).not.toBe(one.hash);
  });

  test("in which nothing happens tells so", async () => {
    const { tally, failure } = await runWorld({ seed: 7, steps: [] });
    expect(failure).toBeNull();
    expect(tally).toEqual(emptyTally());
  });
});
