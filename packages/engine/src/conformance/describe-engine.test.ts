import { describe, expect, test } from "vitest";
import { type Skip, skipReasons } from "./describe-engine.ts";
import { themes } from "./themes.ts";

const names = themes.flatMap((theme) => Object.keys(theme.tests));

test("every test of the suite has a name of its own", () => {
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

describe("skip", () => {
  test("gives the reason of each test", () => {
    const skip: readonly Skip[] = [
      { reason: "one process", tests: ["a cancel by one engine is told to the attempt at another"] },
      { reason: "no transactions", tests: ["what a transaction wrote before it threw is rolled back"] },
    ];
    expect([...skipReasons(skip)]).toEqual(skip.map(({ reason, tests }) => [tests[0], reason]));
  });

  test("refuses a test that the suite does not have", () => {
    const skip = [{ reason: "r", tests: ["an empty queue gives something"] }] as unknown as readonly Skip[];
    expect(() => skipReasons(skip)).toThrow(`The conformance suite has no test "an empty queue gives something" to skip.`);
  });

  test("refuses a test that is skipped twice", () => {
    const skip: Skip = { reason: "r", tests: ["an empty queue gives nothing"] };
    expect(() => skipReasons([skip, skip])).toThrow(`The test "an empty queue gives nothing" is skipped twice.`);
  });
});
