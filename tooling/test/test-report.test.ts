import { expect, it } from "vitest";
import { readTestReport } from "../test-report.ts";

const file = (status: string, ...tests: string[]) => ({
  name: "a.test.ts",
  status,
  assertionResults: tests.map((one) => ({ status: one })),
});
const json = (passed: number, failed: number, ...testResults: object[]) =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numPendingTests: 1, numTodoTests: 0, testResults });

it("counts a run that went well", () => {
  expect(readTestReport(json(2, 0, file("passed", "passed", "passed")), true)).toEqual({
    count: { passed: 2, failed: 0, skipped: 1 },
    problems: [],
  });
});

it("counts failed tests", () => {
  expect(readTestReport(json(1, 1, file("failed", "passed", "failed")), false)).toEqual({
    count: { passed: 1, failed: 1, skipped: 1 },
    problems: [],
  });
});

it.for([
  ["a report that was never written", null, false, "wrote no report"],
  ["a run without tests", json(0, 0), true, "No test ran"],
  ["a file that did not load", json(1, 0, file("passed", "passed"), file("failed")), false, "failed outside of its tests"],
  ["an exit code that no test explains", json(1, 0, file("passed", "passed")), false, "outside of every test"],
] as const)("counts %s as a failure", ([, text, exitedWell, says]) => {
  const { count, problems } = readTestReport(text, exitedWell);
  expect(count.failed).toBe(1);
  expect(problems.join("\n")).toContain(says);
});
