import { describe, expect, test } from "vitest";
import { simulatedMutants } from "../../src/simulation/mutants/mutants.ts";
import { runMutant } from "../../src/simulation/mutants/run-mutant.ts";

describe("the simulation catches", () => {
  test.each(simulatedMutants)("$name", async (mutant) => {
    expect(await runMutant(mutant, 1)).toMatchObject({ invariant: expect.stringMatching(/^[IL]\d+$/) });
  });
});
