/** Each caller waits for its result, then calls again: calls a second with their results delivered, and how long one took. */
import type { Benchmark } from "../report.ts";
import { ask } from "./ask.ts";
import { peerNames } from "./peer.ts";
import { takeTurns } from "./turns.ts";

const asked = [64, 256].map((inFlight) => ({ what: "call", inFlight, warmUpMs: 2_000, ms: 5_000 }) as const);

/** See the file's head. */
export const closed: Benchmark = ({ rounds, log }) =>
  takeTurns({
    benchmark: "closed",
    rounds,
    log,
    peers: peerNames,
    inFlight: 256,
    work: "calls",
    metrics: ["perSecond", "p50Ms", "p99Ms"],
    measure: (at) => ask(at, asked, { hasWorker: true }),
  });
