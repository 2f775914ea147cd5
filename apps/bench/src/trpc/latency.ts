/**
 * One call at a time, from the call to its answer: a deferred call (accepted, delivered, run by another process, followed by a
 * subscription) beside the plain sync call of the same procedure over the same HTTP. The two take turns, call by call, so
 * that both meet the same machine.
 */
import { once } from "node:events";
import { createDeferClient } from "@raincheck/client";
import { createTRPCClient } from "@trpc/client";
import { startChild } from "../child.ts";
import { openDatabase, serverVersion } from "../database.ts";
import { type Benchmark, type PeerResult, figureOf, machine, percentile } from "../report.ts";
import { linksTo } from "./links.ts";

const callsPerRound = 300;
const warmUpCalls = 100;

/** See the file's head. */
export const latency: Benchmark = async ({ rounds, log }) => {
  await using opened = new AsyncDisposableStack();
  const url = await openDatabase(opened);
  const version = await serverVersion(url);
  const env = { DATABASE_URL: url };
  const api = startChild(opened, new URL("api.ts", import.meta.url), { env });
  const worker = startChild(opened, new URL("worker.ts", import.meta.url), { env });
  const [{ port }] = (await once(api, "message")) as [{ port: number }];
  await once(worker, "message");

  const { sync, deferred } = peers(port);
  await measure([sync, deferred], warmUpCalls);
  const syncRounds: Percentiles[] = [];
  const deferredRounds: Percentiles[] = [];
  for (let round = 1; round <= rounds; round++) {
    const [syncTimes, deferredTimes] = await measure([sync, deferred], callsPerRound);
    syncRounds.push(percentiles(syncTimes!));
    deferredRounds.push(percentiles(deferredTimes!));
    log(`latency: round ${round} of ${rounds}`);
  }

  const params = { inFlight: 1 };
  const ratio = (metric: keyof Percentiles) => ({
    metric,
    params,
    of: "raincheck",
    to: "trpc-sync",
    ...figureOf(deferredRounds.map((round, index) => round[metric] / syncRounds[index]![metric])),
  });
  return {
    benchmark: "latency",
    machine: machine(version),
    rounds,
    results: [result("raincheck", deferredRounds), result("trpc-sync", syncRounds)],
    ratios: [ratio("p50Ms"), ratio("p99Ms")],
  };
};

type Call = () => Promise<unknown>;
type Percentiles = Record<"p50Ms" | "p95Ms" | "p99Ms", number>;

function peers(port: number): { sync: Call; deferred: Call } {
  const trpc = createTRPCClient({ links: [...linksTo(port, "http").links] });
  const defer = createDeferClient(trpc);
  return { sync: () => trpc.noop.mutate(), deferred: async () => (await defer.noop()).result() };
}

/** Calls the peers in turn, and answers with the times of each in milliseconds. */
async function measure(calls: readonly Call[], count: number): Promise<number[][]> {
  const times: number[][] = calls.map(() => []);
  for (let made = 0; made < count; made++) {
    for (const [peer, call] of calls.entries()) {
      const begun = performance.now();
      await call();
      times[peer]!.push(performance.now() - begun);
    }
  }
  return times;
}

function percentiles(times: readonly number[]): Percentiles {
  const sorted = [...times].sort((a, b) => a - b);
  return { p50Ms: percentile(sorted, 50), p95Ms: percentile(sorted, 95), p99Ms: percentile(sorted, 99) };
}

function result(peer: string, rounds: readonly Percentiles[]): PeerResult {
  const metrics = (["p50Ms", "p95Ms", "p99Ms"] as const).map((metric) => [metric, figureOf(rounds.map((round) => round[metric]))] as const);
  return { peer, params: { inFlight: 1 }, metrics: Object.fromEntries(metrics) };
}
