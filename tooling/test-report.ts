/** How the tests went. */
export interface TestCount {
  passed: number;
  failed: number;
  skipped: number;
}

/** What a run of the tests comes to. */
export interface TestReport {
  readonly count: Readonly<TestCount>;
  /** What is wrong with the run beyond its failed tests. */
  readonly problems: readonly string[];
}

interface VitestJson {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * Counts what vitest reported.
 *
 * Nothing counts as passed that did not run: a missing report, a run without tests, a file that failed to load and a failure
 * outside of every test are each counted as one failure.
 *
 * @param json vitest's JSON report; `null` if it wrote none.
 * @param exitedWell whether vitest's exit code was 0.
 */
export function readTestReport(json: string | null, exitedWell: boolean): TestReport {
  if (json === null)
    return { count: { passed: 0, failed: 1, skipped: 0 }, problems: ["The tests wrote no report: they did not run to their end."] };
  const report = JSON.parse(json) as VitestJson;
  const problems: string[] = [];
  const unloaded = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  for (const { name } of unloaded) problems.push(`${name} failed outside of its tests.`);
  if (report.numPassedTests + report.numFailedTests === 0 && unloaded.length === 0)
    problems.push("No test ran: that is a failure, not a success.");
  const failed = report.numFailedTests + problems.length;
  if (!exitedWell && failed === 0) problems.push("The test run failed outside of every test.");
  return {
    count: {
      passed: report.numPassedTests,
      failed: report.numFailedTests + problems.length,
      skipped: report.numPendingTests + report.numTodoTests,
    },
    problems,
  };
}
