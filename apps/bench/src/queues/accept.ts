/** Calls that are made durable, a second, by so many producers at once; nobody runs them. */
import type { Benchmark } from "../report.ts";
import { ask } from "./ask.ts";
import { peerNames } from "./peer.ts";
import { takePeerTurns } from "./turns.ts";

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
    measure: (at) => ask(at, asked(seconds), { hasWorker: false }),
  });
