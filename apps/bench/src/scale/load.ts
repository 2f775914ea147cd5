import type { Measured } from "../queues/measure.ts";
import { type CallerProcess, startCaller, startPeerWorker } from "../queues/processes.ts";

/** Who calls and who works. */
export interface LoadOptions {
  readonly url: string;
  /** Callers' processes, and as many workers'. */
  readonly processes: number;
  /** Calls at once, of all callers together. */
  readonly inFlight: number;
}

/** Callers and workers that run. */
export interface Load {
  /** Keeps the calls in flight for a while; see `measure`. */
  measure(span: {
    readonly warmUpMs: number;
    readonly ms: number;
  }): Promise<Pick<Measured, "calls" | "callsPerSecond" | "p50Ms" | "p99Ms">>;
}

/** Starts Raincheck's callers, which share the calls in flight, and its workers. */
export async function startLoad(opened: AsyncDisposableStack, { url, processes, inFlight }: LoadOptions): Promise<Load> {
  const at = { name: "raincheck", url, inFlight, work: "calls" } as const;
  const callers: CallerProcess[] = [];
  for (let number = 0; number < processes; number++) {
    await startPeerWorker(opened, at);
    callers.push(await startCaller(opened, at));
  }
  return {
    async measure(span) {
      const measured = await Promise.all(
        callers.map((caller) => caller.measure({ what: "call", inFlight: Math.ceil(inFlight / processes), ...span })),
      );
      // What the slowest of them met, for their times cannot be merged.
      const worst = (metric: "p50Ms" | "p99Ms"): number => Math.max(...measured.map((one) => one[metric]));
      const sum = (metric: "calls" | "callsPerSecond"): number => measured.reduce((total, one) => total + one[metric], 0);
      return {
        calls: sum("calls"),
        callsPerSecond: sum("callsPerSecond"),
        p50Ms: worst("p50Ms"),
        p99Ms: worst("p99Ms"),
      };
    },
  };
}
