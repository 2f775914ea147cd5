/**
 * Everything that must hold before a change is merged, in one command: `npm test` here and on every other machine.
 *
 * One line a step; what a step printed is shown when it fails, or always with `--verbose`. Every step runs, whatever failed before.
 * The last line is `N passed, N failed`: the tests, and the other steps. The exit code is 1 if anything failed.
 *
 * `--only name,name` runs some of the steps.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./repository.ts";
import { runStep, type Step } from "./run-step.ts";
import { readTestReport, type TestCount } from "./test-report.ts";

const reportFile = join(root, "test-results/vitest.json");
const script = (name: string) => ["node", `tooling/${name}.ts`] as const;
// Turborepo looks for a `pnpm` in the PATH, where npx puts one.
const turbo = (task: string) =>
  ["npx", "--yes", "pnpm@12.21.0", "exec", "turbo", "run", task, "--continue", "--concurrency=2", "--output-logs=errors-only"] as const;

/** From the quickest answer to the slowest; `build` before what needs it. */
const steps: readonly Step[] = [
  { name: "format", command: ["oxfmt", "--check"], mend: "npm run format" },
  { name: "lint", command: ["oxlint"] },
  { name: "house", command: script("check-house") },
  { name: "arrows", command: script("check-arrows") },
  { name: "trees", command: script("check-tree") },
  { name: "links", command: script("check-links") },
  { name: "document code", command: script("check-document-code"), mend: "npm run docs" },
  { name: "types of the tooling", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "types", command: turbo("typecheck") },
  { name: "build", command: turbo("build") },
  { name: "unused code", command: ["knip", "--no-progress"] },
  { name: "packed packages", command: script("check-packed") },
  { name: "client size", command: script("check-client-size") },
];

const tests: Step = {
  name: "tests",
  command: ["vitest", "run", "--reporter=default", "--slowTestThreshold=10000", "--reporter=json", `--outputFile.json=${reportFile}`],
  live: true,
};

/** Real processes under fire, and then at each point of a call's life: what no test in one process can show. */
const underFire: readonly Step[] = [
  { name: "chaos run", command: ["node", "apps/e2e/src/chaos/chaos.ts", "--seconds", "60"], live: true },
  {
    name: "crash points",
    command: ["node", "apps/e2e/src/chaos/chaos.ts", "--sweep", "--faults", "sigkill,terminatedBackend", "--lease-ms", "1500"],
    live: true,
  },
];

const { values: options } = parseArgs({ options: { verbose: { type: "boolean", default: false }, only: { type: "string" } } });
const wanted = options.only?.split(",");
const all = [...steps, tests, ...underFire];
const chosen = all.filter(({ name }) => wanted?.includes(name) ?? true);
for (const name of wanted ?? []) {
  if (!chosen.some((step) => step.name === name)) {
    console.error(`There is no step "${name}". The steps: ${all.map((step) => step.name).join(", ")}.`);
    process.exit(1);
  }
}

const beganAt = performance.now();
const count: TestCount = { passed: 0, failed: 0, skipped: 0 };
const failedSteps: string[] = [];
for (const step of chosen) {
  if (step === tests) await rm(reportFile, { force: true });
  const ok = await runStep(step, { cwd: root, verbose: options.verbose });
  if (!ok) failedSteps.push(step.name);
  if (step === tests) {
    const report = readTestReport(await readFile(reportFile, "utf8").catch(() => null), ok);
    for (const problem of report.problems) console.error(problem);
    count.passed += report.count.passed;
    count.failed += report.count.failed;
    count.skipped += report.count.skipped;
  } else if (ok) count.passed += 1;
  else count.failed += 1;
}

const seconds = Math.round((performance.now() - beganAt) / 1000);
console.log(
  `\n${seconds} s${count.skipped > 0 ? `, ${count.skipped} tests skipped` : ""}${failedSteps.length > 0 ? `; failed: ${failedSteps.join(", ")}` : ""}`,
);
console.log(`${count.passed} passed, ${count.failed} failed`);
process.exitCode = count.failed > 0 || failedSteps.length > 0 ? 1 : 0;
