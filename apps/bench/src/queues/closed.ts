/** Each caller waits for its result, then calls again: calls a second with their results delivered, and how long one took. */
import type { Benchmark } from "../report.ts";
import { ask } from "./ask.ts";
import { peerNames } from "./peer.ts";
import { takePeerTurns } from "./turns.ts";

const asked = (seconds: number | null) =>
  [64, 256].map((inFlight) => ({ what: "call", inFlight, warmUpMs: 2_000, ms: (seconds ?? 5) * 1_000 }) as const);

/** See the file's head. */
export const closed: Benchmark = ({ rounds, seconds, log }) =>
  takePeerTurns({
    benchmark: "closed",
    rounds,
    log,
    peers: peerNames,
    inFlight: 256,
    work: "calls",
    metrics: ["callsPerSecond", "p50Ms", "p95Ms", "p99Ms"],
    measure: (at) => ask(at, asked(seconds), { hasWorker: true }),
  });
