/**
 * `npm run bench -- [name] [--rounds N] [--json FILE]`: runs one benchmark, or all of them, prints a table of each, and writes
 * the figures as JSON when asked. The exit code is 0 when it ran, whatever the figures.
 */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { accept } from "./queues/accept.ts";
import { closed } from "./queues/closed.ts";
import { drain } from "./queues/drain.ts";
import { roundtrip } from "./queues/roundtrip.ts";
import { latency } from "./latency/latency.ts";
import { cuts } from "./subscribers/cuts.ts";
import { delivery } from "./subscribers/delivery.ts";
import { fanout } from "./subscribers/fanout.ts";
import { subscribersBenchmark } from "./subscribers/subscribers.ts";
import { type Benchmark, type BenchmarkReport, printReport } from "./report.ts";

const benchmarks: ReadonlyMap<string, Benchmark> = new Map([
  ["closed", closed],
  ["roundtrip", roundtrip],
  ["accept", accept],
  ["drain", drain],
  ["latency", latency],
  ["subscribers", subscribersBenchmark],
  ["fanout", fanout],
  ["delivery", delivery],
  ["cuts", cuts],
]);

try {
  const { names, rounds, json } = readArguments(process.argv.slice(2));
  const reports: BenchmarkReport[] = [];
  for (const name of names) {
    const report = await benchmarks.get(name)!({ rounds, log: (line) => console.error(line) });
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

function readArguments(args: string[]): { names: readonly string[]; rounds: number; json: string | null } {
  const { values, positionals } = parseArgs({
    args: args.filter((arg) => arg !== "--"),
    allowPositionals: true,
    options: { rounds: { type: "string", default: "5" }, json: { type: "string" } },
  });
  const unknown = positionals.find((name) => !benchmarks.has(name));
  if (unknown !== undefined) throw new Error(`There is no benchmark "${unknown}"; there are: ${[...benchmarks.keys()].join(", ")}.`);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
    throw new Error(`--rounds ${values.rounds}: expected a whole number from 1 to 100.`);
  return { names: positionals.length > 0 ? positionals : [...benchmarks.keys()], rounds, json: values.json ?? null };
}
