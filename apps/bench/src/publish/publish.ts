/**
 * What `docs/benchmarks` shows, all of it made of the figures by the command: `<name>.json`, `<name>.svg`, and the tables of its README, each
 * between `<!-- benchmark name -->` and `<!-- /benchmark -->`.
 */
import { readFile, writeFile } from "node:fs/promises";
import type { BenchmarkReport } from "../report.ts";
import { draw } from "./draw.ts";
import { tableOf } from "./table.ts";

/** Where the figures are shown. */
export const folder = new URL("../../../../docs/benchmarks/", import.meta.url);

/** Writes figures, chart and table of a benchmark. */
export async function publish(report: BenchmarkReport): Promise<void> {
  await writeFile(new URL(`${report.benchmark}.json`, folder), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(new URL(`${report.benchmark}.svg`, folder), await draw(report));
  const readMe = new URL("README.md", folder);
  await writeFile(readMe, withTable(await readFile(readMe, "utf8"), report));
}

/** What was measured last; `null` when it never was. */
export async function readReport(benchmark: string): Promise<BenchmarkReport | null> {
  const text = await readFile(new URL(`${benchmark}.json`, folder), "utf8").catch(() => null);
  return text === null ? null : (JSON.parse(text) as BenchmarkReport);
}

/**
 * The document with the table of these figures.
 *
 * @throws when it has no place for it.
 */
export function withTable(document: string, report: BenchmarkReport): string {
  const [begin, end] = [`<!-- benchmark ${report.benchmark} -->\n`, "<!-- /benchmark -->"];
  const from = document.indexOf(begin);
  const to = document.indexOf(end, from);
  if (from === -1 || to === -1) throw new Error(`docs/benchmarks/README.md has no block "${begin.trim()}" that ends with "${end}".`);
  return `${document.slice(0, from + begin.length)}\n${tableOf(report)}\n\n${document.slice(to)}`;
}
