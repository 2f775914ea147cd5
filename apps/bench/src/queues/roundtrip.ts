/** One call at a time, from submitting it to its result. */
import type { Benchmark } from "../report.ts";
import { takeTurns } from "./turns.ts";

/** See the file's head. */
export const roundtrip: Benchmark = ({ rounds, log }) =>
  takeTurns({
    benchmark: "roundtrip",
    rounds,
    log,
    asked: [{ what: "call", inFlight: 1, warmUpMs: 1_500, ms: 4_000 }],
    hasWorker: true,
    metrics: ["p50Ms", "p95Ms", "p99Ms"],
  });
