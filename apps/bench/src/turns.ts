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
  readonly contestants: readonly Contestant<TMetric>[];
  /** Who is compared with whom. Default: the first with each of the others. */
  readonly pairs?: readonly (readonly [of: string, to: string])[];
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
  const roundsOf = (peer: string) => measured.find((one) => one.peer === peer)!.rounds;
  const [first, ...others] = contestants.map(({ peer }) => peer);
  const pairs = turns.pairs ?? others.map((other) => [first!, other] as const);
  return {
    benchmark,
    machine: machine(postgres),
    rounds,
    results: measured.flatMap(({ peer, rounds: all }) =>
      all[0]!.map(({ params }, index) => ({
        peer,
        params,
        metrics: Object.fromEntries(
          metrics.flatMap((metric) => known(figureOf(all.map((rows) => rows[index]!.figures[metric]))).map((figure) => [metric, figure])),
        ),
      })),
    ),
    ratios: pairs.flatMap(([of, to]) =>
      roundsOf(of)[0]!.flatMap(({ params }, index) =>
        metrics.flatMap((metric) => {
          const ratios = roundsOf(of).map((rows, round) => rows[index]!.figures[metric] / roundsOf(to)[round]![index]!.figures[metric]);
          return known(figureOf(ratios)).map((ratio) => ({ metric, params, of, to, ...ratio }));
        }),
      ),
    ),
  };
}

/** Nothing of a figure that could not be had, or of a ratio to nothing. */
function known(figure: Figure): Figure[] {
  return [figure.min, figure.max].every(Number.isFinite) ? [figure] : [];
}
