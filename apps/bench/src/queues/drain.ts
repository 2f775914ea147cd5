/** A backlog of 40,000 calls, from the start of one worker, or two, until the last has ended. */
import type { Benchmark } from "../report.ts";
import { drainingPeers } from "./peer.ts";
import { type At, startCaller, startPeerWorker } from "./processes.ts";
import type { Row } from "../turns.ts";
import { takePeerTurns } from "./turns.ts";

const backlog = 40_000;

/** See the file's head. */
export const drain: Benchmark = ({ rounds, log }) =>
  takePeerTurns({
    benchmark: "drain",
    rounds,
    log,
    peers: drainingPeers,
    inFlight: 256,
    work: "backlog",
    metrics: ["callsPerSecond"],
    measure: async (at) => [await drainWith(at, 1), await drainWith(at, 2)],
  });

async function drainWith(at: At, workers: number): Promise<Row<"callsPerSecond">> {
  await using opened = new AsyncDisposableStack();
  const caller = await startCaller(opened, at);
  await caller.fill(backlog);
  const begun = performance.now();
  await Promise.all(Array.from({ length: workers }, () => startPeerWorker(opened, at)));
  await caller.awaitDrained();
  return { params: { workers }, figures: { callsPerSecond: (backlog * 1_000) / (performance.now() - begun) } };
}
