import { describe, expect, test } from "vitest";
import { simulateCommand } from "../../src/simulation/simulate-command.ts";

describe("the command line of the simulation", () => {
  test("has defaults for everything, the seed being any", () => {
    expect(simulateCommand([], 42)).toEqual({ what: "core", steps: 1_000_000, seed: 42, only: null, json: null });
  });

  test("takes each option", () => {
    const args = ["--", "--steps", "500", "--seed", "0", "--only", "3-5,9", "--mutants", "--json", "f"];
    expect(simulateCommand(args, 42)).toEqual({ what: "mutants", steps: 500, seed: 0, only: [3, 4, 5, 9], json: "f" });
    expect(simulateCommand(["--only", "none"], 42).only).toEqual([]);
    expect(simulateCommand(["--system"], 42)).toMatchObject({ what: "system", steps: 5_000 });
  });

  test.each([
    [["--steps", "0"], "--steps 0"],
    [["--seed", "-1"], "--seed"],
    [["--seed", "4294967296"], "--seed 4294967296"],
    [["--only", "3-"], "--only 3-"],
    [["--system", "--only", "3"], "--system goes with neither"],
    [["--frob"], "--frob"],
  ])("refuses %j", (args, sentence) => {
    expect(() => simulateCommand(args, 42)).toThrow(sentence);
  });
});
