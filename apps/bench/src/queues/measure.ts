import { setTimeout as sleep } from "node:timers/promises";
import { percentile } from "../report.ts";
import type { Caller } from "./peer.ts";

/** What a caller is asked to measure. */
export interface Asked {
  /** `call`: from submitting to the result; `accept`: until it is durable. */
  readonly what: "call" | "accept";
  /** At once; whoever has an answer asks again. */
  readonly inFlight: number;
  /** What comes before does not count. */
  readonly warmUpMs: number;
  readonly ms: number;
}

/** What it measured. */
export interface Measured {
  /** Made in all, those of the warm-up and those that ended too late included. */
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** Keeps so many calls in flight for a while. Those that end in the time count. */
export async function measure(caller: Pick<Caller, Asked["what"]>, { what, inFlight, warmUpMs, ms }: Asked): Promise<Measured> {
  const times: number[] = [];
  let calls = 0;
  let state: "warming" | "counting" | "over" = "warming";
  const loop = async (): Promise<void> => {
    while (state !== "over") {
      const begun = performance.now();
      await caller[what]();
      calls += 1;
      if (state === "counting") times.push(performance.now() - begun);
    }
  };
  const loops = Array.from({ length: inFlight }, loop);
  await sleep(warmUpMs);
  state = "counting";
  const from = performance.now();
  await Promise.race([sleep(ms), Promise.all(loops)]);
  const seconds = (performance.now() - from) / 1_000;
  state = "over";
  await Promise.all(loops);
  times.sort((a, b) => a - b);
  return {
    calls,
    callsPerSecond: times.length / seconds,
    p50Ms: percentile(times, 50),
    p95Ms: percentile(times, 95),
    p99Ms: percentile(times, 99),
  };
}
