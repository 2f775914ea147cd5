import { describe, expect, test } from "vitest";
import type { WorldFailure, WorldPlan } from "../../src/simulation/run-world.ts";
import { shrink } from "../../src/simulation/shrink.ts";

const plan: WorldPlan = { seed: 1, steps: Array.from({ length: 5_000 }, (_, step) => step) };

/** A world that breaks a promise at the last of some steps, if it has taken all of them. */
function breaksAfter(...needed: readonly number[]) {
  return async ({ steps }: WorldPlan): Promise<{ failure: WorldFailure | null }> => {
    const broken = needed.every((step) => steps.includes(step));
    return { failure: broken ? { invariant: "I4", message: "broken", step: needed.at(-1)! } : null };
  };
}

describe("a failure", () => {
  test("is shrunk to the steps that it takes", async () => {
    const run = breaksAfter(17, 1_234, 1_235, 4_000);
    const { failure } = await run(plan);
    expect((await shrink(plan, failure!, run)).steps).toEqual([17, 1_234, 1_235, 4_000]);
  });

  test("that shows when all is quiet is shrunk over all steps, to none if none is needed", async () => {
    const run = async () => ({ failure: { invariant: "L1", message: "broken", step: null } });
    expect((await shrink(plan, (await run()).failure, run)).steps).toEqual([]);
  });

  test("is not taken for another: steps without which something else breaks are kept", async () => {
    const run = async ({ steps }: WorldPlan) => ({
      failure: { invariant: steps.includes(3) ? "I4" : "I5", message: "broken", step: steps.at(-1) ?? null },
    });
    expect((await shrink(plan, { invariant: "I4", message: "broken", step: 4_999 }, run)).steps).toEqual([3]);
  });
});
