/** One call at a time, from submitting it to its result. */
import type { Benchmark } from "../report.ts";
import { ask } from "./ask.ts";
import { peerNames } from "./peer.ts";
import { takePeerTurns } from "./turns.ts";

const asked = (seconds: number | null) => [{ what: "call", inFlight: 1, warmUpMs: 1_500, ms: (seconds ?? 4) * 1_000 }] as const;

/** See the file's head. */
export const roundtrip: Benchmark = ({ rounds, seconds, log }) =>
  takePeerTurns({
    benchmark: "roundtrip",
    rounds,
    log,
    peers: peerNames,
    inFlight: 1,
    work: "calls",
    metrics: ["p50Ms", "p95Ms", "p99Ms"],
    measure: (at) => ask(at, asked(seconds), { hasWorker: true }),
  });
