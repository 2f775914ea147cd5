import { describe, expect, test } from "vitest";
import { chaosCommand } from "../../src/chaos/chaos-command.ts";
import { faultKinds } from "../../src/chaos/fault-kind.ts";

describe("the command line of chaos", () => {
  test("has defaults for everything", () => {
    expect(chaosCommand([])).toEqual({
      what: "run",
      seconds: 60,
      seed: 1,
      leaseMs: 4_000,
      pauseMs: 700,
      listen: true,
      faults: faultKinds,
      json: null,
    });
  });

  test("takes each option", () => {
    const args = [
      "--",
      "--sweep",
      "--seconds",
      "5",
      "--seed",
      "7",
      "--lease-ms",
      "2000",
      "--no-wakes",
      "--faults",
      "cut,sigkill",
      "--json",
      "f",
    ];
    expect(chaosCommand(args)).toEqual({
      what: "sweep",
      seconds: 5,
      seed: 7,
      leaseMs: 2_000,
      pauseMs: 700,
      listen: false,
      faults: ["cut", "sigkill"],
      json: "f",
    });
    expect(chaosCommand(["--faults", "none"]).faults).toEqual([]);
    expect(chaosCommand(["--mutants"])).toMatchObject({ what: "mutants", leaseMs: 1_500 });
    expect(chaosCommand(["--mutants", "--lease-ms", "900"])).toMatchObject({ leaseMs: 900 });
  });

  test.each([
    [["--seconds", "0"], "--seconds 0"],
    [["--seed", "-1"], "--seed"],
    [["--seed", "1.5"], "--seed 1.5"],
    [["--lease-ms", "x"], "--lease-ms x"],
    [["--pause-ms", "0"], "--pause-ms 0"],
    [["--faults", "flood"], "--faults flood"],
    [["--mutants", "--sweep"], "--mutants and --sweep"],
    [["--frob"], "--frob"],
  ])("refuses %j", (args, sentence) => {
    expect(() => chaosCommand(args)).toThrow(sentence);
  });
});
