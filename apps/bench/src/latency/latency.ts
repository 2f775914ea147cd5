/**
 * One call at a time, from the call to its answer: a deferred call (accepted, delivered, run by another process, followed by a
 * subscription) beside the plain sync call of the same procedure over the same HTTP. The two take turns, call by call, so
 * that both meet the same machine.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDeferClient } from "@raincheck/client";
import { openEmbeddedPostgres } from "@raincheck/engine/embedded";
import { createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import { EventSource } from "eventsource";
import postgres from "postgres";
import { type Benchmark, type PeerResult, figureOf, machine, percentile } from "../report.ts";
import type { AppRouter } from "./raincheck.ts";

const callsPerRound = 300;
const warmUpCalls = 100;

/** See the file's head. */
export const latency: Benchmark = async ({ rounds, log }) => {
  await using opened = new AsyncDisposableStack();
  const url = process.env["DATABASE_URL"] ?? (await embedded(opened));
  const version = await serverVersion(url);
  const api = startChild(opened, "api.ts", url);
  const worker = startChild(opened, "worker.ts", url);
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
  const url = `http://127.0.0.1:${port}`;
  const trpc = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: (op) => op.type === "subscription",
        true: httpSubscriptionLink({ url, EventSource }),
        false: httpBatchLink({ url }),
      }),
    ],
  });
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

async function embedded(opened: AsyncDisposableStack): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "raincheck-bench-"));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  return opened.use(await openEmbeddedPostgres({ directory })).url;
}

/** A process of its own, as in production. It ends when the channel to it closes. */
function startChild(opened: AsyncDisposableStack, file: string, url: string): ChildProcess {
  const child = fork(new URL(file, import.meta.url), { env: { ...process.env, DATABASE_URL: url } });
  opened.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.disconnect();
    await ended;
  });
  return child;
}

async function serverVersion(url: string): Promise<string> {
  const sql = postgres(url, { max: 1 });
  try {
    const [row] = await sql<{ server_version: string }[]>`show server_version`;
    return row?.server_version ?? "unknown";
  } finally {
    await sql.end();
  }
}
