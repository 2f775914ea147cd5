/** Peers in turn, A B C A B C, each with processes of its own that end before the next peer's begin. */
import { openDatabase, serverVersion } from "../database.ts";
import { type BenchmarkReport, type Figure, figureOf, machine } from "../report.ts";
import type { PeerName, Server } from "./peer.ts";
import { type At, prepare } from "./processes.ts";
import { openRedis } from "./redis.ts";

/** What one peer did in one round with one set of parameters. */
export interface Row<TMetric extends string> {
  readonly params: Readonly<Record<string, number>>;
  readonly figures: Readonly<Record<TMetric, number>>;
}

/** A benchmark that peers take in turn. */
export interface Turns<TMetric extends string> extends Pick<Server, "inFlight" | "work"> {
  readonly benchmark: string;
  readonly rounds: number;
  readonly log: (line: string) => void;
  readonly peers: readonly PeerName[];
  readonly metrics: readonly TMetric[];
  /** Measures a peer once; the same parameters in the same order each time. */
  readonly measure: (at: At) => Promise<readonly Row<TMetric>[]>;
}

/** Measures all peers, and how Raincheck stands to each. */
export async function takeTurns<TMetric extends string>(turns: Turns<TMetric>): Promise<BenchmarkReport> {
  const { benchmark, rounds, log, peers, metrics, measure, inFlight, work } = turns;
  await using opened = new AsyncDisposableStack();
  const postgresUrl = await openDatabase(opened);
  const ats: At[] = [];
  for (const name of peers) {
    const isRedis = name === "bullmq" || name === "bullmq-always";
    const url = isRedis ? await openRedis(opened, name === "bullmq" ? "everysec" : "always") : postgresUrl;
    ats.push({ name, url, inFlight, work });
  }
  for (const at of ats) await prepare(opened, at);

  const measured = new Map<PeerName, (readonly Row<TMetric>[])[]>(peers.map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const at of ats) {
      const rows = await measure(at);
      measured.get(at.name)!.push(rows);
      const shown = rows.map(
        ({ params, figures }) => `${Object.values(params).join(" ")}: ${figures[metrics[0]!].toFixed(1)} ${metrics[0]}`,
      );
      log(`${benchmark}: round ${round} of ${rounds}, ${at.name}: ${shown.join(", ")}`);
    }
  }
  return {
    benchmark,
    machine: machine(await serverVersion(postgresUrl)),
    rounds,
    results: peers.flatMap((peer) => resultsOf(peer, measured.get(peer)!, metrics)),
    ratios: peers.filter((peer) => peer !== "raincheck").flatMap((to) => ratiosOf(measured, to, metrics)),
  };
}

function resultsOf<TMetric extends string>(peer: PeerName, rounds: readonly (readonly Row<TMetric>[])[], metrics: readonly TMetric[]) {
  return rounds[0]!.map(({ params }, index) => {
    const figure = (metric: TMetric): Figure => figureOf(rounds.map((rows) => rows[index]!.figures[metric]));
    return { peer, params, metrics: Object.fromEntries(metrics.map((metric) => [metric, figure(metric)])) };
  });
}

/** Round by round, so that both met the same machine. */
function ratiosOf<TMetric extends string>(
  measured: ReadonlyMap<PeerName, readonly (readonly Row<TMetric>[])[]>,
  to: PeerName,
  metrics: readonly TMetric[],
) {
  const [own, others] = [measured.get("raincheck")!, measured.get(to)!];
  return own[0]!.flatMap(({ params }, index) =>
    metrics.map((metric) => {
      const ratios = own.map((rows, round) => rows[index]!.figures[metric] / others[round]![index]!.figures[metric]);
      return { metric, params, of: "raincheck", to, ...figureOf(ratios) };
    }),
  );
}
