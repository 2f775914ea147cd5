/**
 * `npm run bench -- [name] [--rounds N] [--json FILE]`: runs one benchmark, or all of them, prints a table of each, and writes
 * the figures as JSON when asked. The exit code is 0 when it ran, whatever the figures.
 */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { readArguments } from "./arguments.ts";
import { benchmarks } from "./benchmarks.ts";
import { type BenchmarkReport, printReport } from "./report.ts";

try {
  const { names, json, options } = readArguments(process.argv.slice(2));
  const reports: BenchmarkReport[] = [];
  for (const name of names) {
    const report = await benchmarks.get(name)!({ ...options, log: (line) => console.error(line) });
    printReport(report);
    reports.push(report);
  }
  // Relative to where the command was typed; a script of the workspace runs elsewhere.
  if (json !== null)
    await writeFile(
      resolve(process.env["INIT_CWD"] ?? ".", json),
      `${JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2)}\n`,
    );
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
