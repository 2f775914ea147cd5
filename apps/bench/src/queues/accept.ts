/** Calls that are made durable, a second, by so many producers at once, and in bulk; nobody runs them. */
import type { Benchmark } from "../report.ts";
import type { Row } from "../turns.ts";
import { ask } from "./ask.ts";
import type { Measured } from "./measure.ts";
import { peerNames } from "./peer.ts";
import { type At, startCaller } from "./processes.ts";
import { takePeerTurns } from "./turns.ts";

const bulk = 20_000;

const asked = (seconds: number | null) =>
  [1, 8, 32, 256].map((inFlight) => ({ what: "accept", inFlight, warmUpMs: 500, ms: (seconds ?? 3) * 1_000 }) as const);

/** See the file's head. */
export const accept: Benchmark = ({ rounds, seconds, log }) =>
  takePeerTurns({
    benchmark: "accept",
    rounds,
    log,
    peers: peerNames,
    inFlight: 256,
    work: "calls",
    metrics: ["callsPerSecond", "p50Ms", "p99Ms"],
    measure: async (at) => [...(await ask(at, asked(seconds), { hasWorker: false })), await acceptInBulk(at)],
  });

/** As many as fast as one process can: by the peer's own bulk insert, if it has one. */
async function acceptInBulk(at: At): Promise<Row<keyof Measured>> {
  await using opened = new AsyncDisposableStack();
  const caller = await startCaller(opened, at);
  await caller.fill(1_000);
  const begun = performance.now();
  await caller.fill(bulk);
  const callsPerSecond = (bulk * 1_000) / (performance.now() - begun);
  // What one of them takes nobody can tell.
  return { params: { bulk }, figures: { calls: bulk, callsPerSecond, p50Ms: Number.NaN, p95Ms: Number.NaN, p99Ms: Number.NaN } };
}
