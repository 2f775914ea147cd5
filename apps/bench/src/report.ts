import { cpus, totalmem } from "node:os";

/** One figure over the rounds. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** With which parameters. */
export type Params = Readonly<Record<string, number | string>>;

/** What one peer did with one set of parameters. Metrics end in their unit. */
export interface PeerResult {
  readonly peer: string;
  readonly params: Params;
  readonly metrics: Readonly<Record<string, Figure>>;
}

/** How one peer stands to another, round by round. */
export interface Ratio extends Figure {
  readonly metric: string;
  readonly params: Params;
  readonly of: string;
  readonly to: string;
}

/** What `--json` writes of one benchmark. */
export interface BenchmarkReport {
  readonly benchmark: string;
  readonly machine: { readonly cores: number; readonly memoryGiB: number; readonly node: string; readonly postgres: string };
  readonly rounds: number;
  readonly results: readonly PeerResult[];
  readonly ratios: readonly Ratio[];
}

/** How a benchmark is run. */
export interface BenchmarkOptions {
  readonly rounds: number;
  /** How long each measurement lasts, where that is given; null: as long as it should. */
  readonly seconds: number | null;
  /** Calls in the largest ledger of `scale`. */
  readonly rows: number;
  /** How long the transaction of `bloat` stays open. */
  readonly holdSeconds: number;
  readonly log: (line: string) => void;
}

/** A benchmark: runs its rounds, tells its progress, reports. */
export type Benchmark = (options: BenchmarkOptions) => Promise<BenchmarkReport>;

/** This machine. */
export function machine(postgres: string): BenchmarkReport["machine"] {
  return { cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), node: process.version, postgres };
}

/** Median, least and greatest of some numbers, rounded to a thousandth. */
export function figureOf(values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  const round = (value: number | undefined) => Math.round((value ?? Number.NaN) * 1_000) / 1_000;
  return { median: round(percentile(sorted, 50)), min: round(sorted[0]), max: round(sorted.at(-1)) };
}

/** The smallest value that at least `percent` of the values do not exceed (nearest rank). */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** Prints a report as a table on stdout. */
export function printReport(report: BenchmarkReport): void {
  const { cores, memoryGiB, node, postgres } = report.machine;
  console.log(
    `${report.benchmark}: ${report.rounds} rounds; ${cores} cores, ${memoryGiB} GiB, Node ${node}, Postgres ${postgres}; median (min to max)`,
  );
  const show = ({ median, min, max }: Figure) => `${median} (${min} to ${max})`;
  for (const { peer, params, metrics } of report.results) {
    for (const [metric, figure] of Object.entries(metrics))
      console.log(`  ${[peer, ...Object.values(params), metric].join(" ").padEnd(32)} ${show(figure)}`);
  }
  for (const { metric, of, to, params, ...ratio } of report.ratios)
    console.log(`  ${metric} of ${of} to ${to}, ${Object.values(params).join(" ")}`.padEnd(50) + ` ${show(ratio)}`);
}
