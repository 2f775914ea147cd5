import type { Violation } from "./check/evidence.ts";
import type { Percentiles } from "./figures.ts";
import type { ChaosReport } from "./report.ts";

/** Broken promises that are shown; the report has all. */
const shownViolations = 20;

/** Prints a report for people. */
export function printReport(report: ChaosReport): void {
  const { faults, violations } = report;
  const faultCount = Object.values(faults).reduce((sum, count) => sum + count, 0);
  const lines: [string, string | number | null][] = [
    ["seed", report.seed],
    ["calls accepted", report.callsAccepted],
    [
      "faults",
      `${faultCount} (${Object.entries(faults)
        .map(([kind, count]) => `${count} ${kind}`)
        .join(", ")})`,
    ],
    ["lost", report.lost],
    ["double commits", report.doubleCommits],
    ["wrong deliveries", report.wrongDeliveries],
    ["fence rejections", report.fenceRejections],
    ["reconnects", report.reconnects],
    ["ambiguous commits", report.ambiguousCommits],
    ["unanswered requests", report.unansweredRequests],
    ["yields heard", report.yieldsHeard],
    ["retries and replays", report.repetitions],
    ["replies", `${report.replies} (thrown ${report.repliesThrown} times)`],
    ["webhooks", `${report.webhooks} (not taken ${report.webhooksNotTaken} times)`],
    ["SIGKILL to next attempt", milliseconds(report.redispatchMs)],
    ["end to client", milliseconds(report.deliveryMs)],
    ["end to client, reconnected", milliseconds(report.deliveryAfterReconnectMs)],
    ["end to reply", milliseconds(report.replyMs)],
    ["end to webhook", milliseconds(report.webhookMs)],
    ["cancel to signal", milliseconds(report.cancelToldMs)],
    ["heap slope of the API", report.heapSlopeBytesPerSecond === null ? "too short a life" : `${report.heapSlopeBytesPerSecond} bytes/s`],
  ];
  for (const [name, value] of lines) console.log(`  ${name.padEnd(28)}${value}`);
  printViolations(violations);
}

/** Prints how many promises were broken, and the first of them. */
export function printViolations(violations: readonly Violation[]): void {
  console.log(`  ${"violations".padEnd(28)}${violations.length}`);
  for (const { invariant, subject, message } of violations.slice(0, shownViolations)) console.log(`  ${invariant} ${subject}: ${message}`);
  if (violations.length > shownViolations) console.log(`  … and ${violations.length - shownViolations} more`);
}

function milliseconds({ p50, p99, count }: Percentiles): string {
  return count === 0 ? "none" : `p50 ${p50} ms, p99 ${p99} ms of ${count}`;
}
