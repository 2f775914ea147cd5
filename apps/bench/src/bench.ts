/**
 * `npm run bench -- [name]`: runs one benchmark, or all of them, prints the figures of each, and shows them in `docs/benchmarks`; the README
 * there tells of the options. The exit code is 0 when it ran, whatever the figures.
 */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Arguments, readArguments } from "./arguments.ts";
import { benchmarks } from "./benchmarks.ts";
import { publish, readReport } from "./publish/publish.ts";
import { type BenchmarkReport, printReport } from "./report.ts";

try {
  const told = readArguments(process.argv.slice(2));
  const reports: BenchmarkReport[] = [];
  for (const name of told.names) {
    const report = await reportOf(name, told);
    if (report === null) continue;
    if (told.docs) await publish(report);
    reports.push(report);
  }
  // Relative to where the command was typed; a script of the workspace runs elsewhere.
  if (told.json !== null)
    await writeFile(
      resolve(process.env["INIT_CWD"] ?? ".", told.json),
      `${JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2)}\n`,
    );
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** Measured now, or what was measured last; `null`: it never was. */
async function reportOf(name: string, { draw, options }: Arguments): Promise<BenchmarkReport | null> {
  if (draw) return readReport(name);
  const report = await benchmarks.get(name)!({ ...options, log: (line) => console.error(line) });
  printReport(report);
  return report;
}
