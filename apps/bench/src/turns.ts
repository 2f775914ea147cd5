/** Peers in turn, A B C A B C, so that all meet the same machine, and how one of them stands to the others. */
import { type BenchmarkReport, type Figure, type Params, figureOf, machine } from "./report.ts";

/** What one peer did in one round with one set of parameters. */
export interface Row<TMetric extends string = string> {
  readonly params: Params;
  readonly figures: Readonly<Record<TMetric, number>>;
}

/** One that takes its turn. */
export interface Contestant<TMetric extends string = string> {
  readonly peer: string;
  /** Measures once; the same parameters in the same order each time. */
  readonly measure: () => Promise<readonly Row<TMetric>[]>;
}

/** A benchmark that is made of turns. */
export interface Turns<TMetric extends string> {
  readonly benchmark: string;
  readonly rounds: number;
  readonly log: (line: string) => void;
  /** Those of what was measured that are reported; the first is logged. */
  readonly metrics: readonly [TMetric, ...TMetric[]];
  /** The first is compared with each of the others. */
  readonly contestants: readonly Contestant<TMetric>[];
  /** The version of the server. */
  readonly postgres: string;
}

/** Lets all have their turns. */
export async function takeTurns<TMetric extends string>(turns: Turns<TMetric>): Promise<BenchmarkReport> {
  const { benchmark, rounds, log, metrics, contestants, postgres } = turns;
  const measured = contestants.map(({ peer }) => ({ peer, rounds: [] as (readonly Row<TMetric>[])[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { peer, measure }] of contestants.entries()) {
      const rows = await measure();
      measured[index]!.rounds.push(rows);
      const shown = rows.map(
        ({ params, figures }) => `${Object.values(params).join(" ")}: ${figures[metrics[0]].toFixed(1)} ${metrics[0]}`,
      );
      log(`${benchmark}: round ${round} of ${rounds}, ${peer}: ${shown.join(", ")}`);
    }
  }
  const [first, ...others] = measured;
  return {
    benchmark,
    machine: machine(postgres),
    rounds,
    results: measured.flatMap(({ peer, rounds: all }) =>
      all[0]!.map(({ params }, index) => ({ peer, params, metrics: figuresOf(all, index, metrics) })),
    ),
    ratios: others.flatMap((other) =>
      first!.rounds[0]!.flatMap(({ params }, index) =>
        metrics.map((metric) => ({
          metric,
          params,
          of: first!.peer,
          to: other.peer,
          ...ratioOf(first!.rounds, other.rounds, { index, metric }),
        })),
      ),
    ),
  };
}

/** The figures of one set of parameters over the rounds. */
function figuresOf<TMetric extends string>(
  rounds: readonly (readonly Row<TMetric>[])[],
  index: number,
  metrics: readonly TMetric[],
): Record<string, Figure> {
  return Object.fromEntries(metrics.map((metric) => [metric, figureOf(rounds.map((rows) => rows[index]!.figures[metric]))]));
}

function ratioOf<TMetric extends string>(
  own: readonly (readonly Row<TMetric>[])[],
  others: readonly (readonly Row<TMetric>[])[],
  { index, metric }: { readonly index: number; readonly metric: TMetric },
): Figure {
  return figureOf(own.map((rows, round) => rows[index]!.figures[metric] / others[round]![index]!.figures[metric]));
}
