/** The peers of queues in turn, each with processes of its own that end before the next peer's begin. */
import { openDatabase, serverVersion } from "../database.ts";
import type { BenchmarkReport } from "../report.ts";
import { type Row, type Turns, takeTurns } from "../turns.ts";
import type { PeerName, Server } from "./peer.ts";
import { type At, prepare } from "./processes.ts";
import { openRedis } from "./redis.ts";

/** A benchmark that peers take in turn. */
export interface PeerTurns<TMetric extends string>
  extends Pick<Server, "inFlight" | "work">, Pick<Turns<TMetric>, "benchmark" | "rounds" | "log" | "metrics"> {
  readonly peers: readonly PeerName[];
  /** Measures a peer once; the same parameters in the same order each time. */
  readonly measure: (at: At) => Promise<readonly Row<TMetric>[]>;
}

/** Measures all peers, and how Raincheck stands to each. */
export async function takePeerTurns<TMetric extends string>(turns: PeerTurns<TMetric>): Promise<BenchmarkReport> {
  const { peers, measure, inFlight, work } = turns;
  await using opened = new AsyncDisposableStack();
  const postgresUrl = await openDatabase(opened);
  const ats: At[] = [];
  for (const name of peers) {
    const isRedis = name === "bullmq" || name === "bullmq-fsync";
    const url = isRedis ? await openRedis(opened, name === "bullmq" ? "everysec" : "always") : postgresUrl;
    ats.push({ name, url, inFlight, work });
  }
  for (const at of ats) await prepare(opened, at);
  return await takeTurns({
    ...turns,
    contestants: ats.map((at) => ({ peer: at.name, measure: () => measure(at) })),
    postgres: await serverVersion(postgresUrl),
  });
}
