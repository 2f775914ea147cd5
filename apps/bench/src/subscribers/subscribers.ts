/**
 * What idle subscribers cost: 5,000 connections of server-sent events to one API process, each watching a call of its own, beside as many
 * of tRPC's own subscription in a process of the same kind. Heap and RSS each, connections to the database, transactions a second; and
 * what 10,000 clients that come and go leave behind.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Benchmark, type PeerResult, figureOf, machine } from "../report.ts";
import { openDatabase, serverVersion } from "../database.ts";
import { type Activity, watchActivity } from "./activity.ts";
import { type ApiProcess, startApi } from "./api-process.ts";
import { SseClient, openMany, watchPath } from "./sse-client.ts";

const subscribers = 5_000;
const cycles = 10_000;
const warmUp = 500;
const idleSeconds = 20;

type Peer = "raincheck" | "trpc-subscription";
type Metrics = Record<string, number>;

/** See the file's head. */
export const subscribersBenchmark: Benchmark = async ({ rounds, log }) => {
  await using opened = new AsyncDisposableStack();
  const url = await openDatabase(opened);
  const activity = opened.use(watchActivity(url));
  const measured: Record<Peer, Metrics[]> = { "trpc-subscription": [], raincheck: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const peer of ["trpc-subscription", "raincheck"] as const) {
      measured[peer].push(await measure(url, peer, activity));
      log(`subscribers: ${peer}, round ${round} of ${rounds}: ${JSON.stringify(measured[peer].at(-1))}`);
    }
  }
  const params = { subscribers };
  const ratio = (metric: string) => ({
    metric,
    params,
    of: "raincheck",
    to: "trpc-subscription",
    ...figureOf(measured.raincheck.map((one, index) => one[metric]! / measured["trpc-subscription"][index]![metric]!)),
  });
  return {
    benchmark: "subscribers",
    machine: machine(await serverVersion(url)),
    rounds,
    results: (Object.entries(measured) as [Peer, Metrics[]][]).map(([peer, all]) => result(peer, all)),
    ratios: [ratio("heapBytesPerSubscriber"), ratio("rssBytesPerSubscriber")],
  };
};

async function measure(url: string, peer: Peer, activity: Activity): Promise<Metrics> {
  await using opened = new AsyncDisposableStack();
  const api = await startApi(opened, url);
  const { ids } = await api.ask({ type: "start", count: subscribers });
  const connectOne = (index: number, told: () => void): SseClient =>
    new SseClient(api.port, watchPath([{ id: ids[index % ids.length]! }], peer === "raincheck" ? "calls.watch" : "ticks"), { event: told });
  await comeAndGo(warmUp, connectOne);

  const idleBefore = await activity.rate(idleSeconds);
  const before = await api.ask({ type: "memory" });
  const clients = await openMany(subscribers, connectOne);
  // The poll's first sight of a call lets its followers look once more.
  await activity.rate(3);
  const with5000 = await api.ask({ type: "memory" });
  const idleQueriesPerSecond = await activity.rate(idleSeconds);
  const databaseConnections = await activity.connections();
  for (const client of clients) client.close();
  await restingHeap(api);

  const beforeCycles = await restingHeap(api);
  await comeAndGo(cycles, connectOne);
  const afterCycles = await restingHeap(api);
  return {
    heapBytesPerSubscriber: (with5000.heapBytes - before.heapBytes) / subscribers,
    rssBytesPerSubscriber: (with5000.rssBytes - before.rssBytes) / subscribers,
    databaseConnections,
    idleQueriesPerSecondWithout: idleBefore,
    idleQueriesPerSecond,
    heapGrowthPercent: (afterCycles / beforeCycles - 1) * 100,
  };
}

/** Clients that connect, are told something, and leave. */
async function comeAndGo(count: number, connectOne: (index: number, told: () => void) => SseClient): Promise<void> {
  const atOnce = 100;
  for (let done = 0; done < count; done += atOnce) {
    const clients = await openMany(Math.min(atOnce, count - done), (index, told) => connectOne(done + index, told), atOnce);
    for (const client of clients) client.close();
  }
}

/** The heap once the server has noticed who left, and it does not shrink any more. */
async function restingHeap(api: ApiProcess): Promise<number> {
  await sleep(2_000);
  let heap = Number.POSITIVE_INFINITY;
  for (let now = (await api.ask({ type: "memory" })).heapBytes; now < heap * 0.99; now = (await api.ask({ type: "memory" })).heapBytes)
    heap = now;
  return heap;
}

function result(peer: Peer, all: readonly Metrics[]): PeerResult {
  const names = Object.keys(all[0] ?? {});
  return {
    peer,
    params: { subscribers },
    metrics: Object.fromEntries(names.map((name) => [name, figureOf(all.map((one) => one[name]!))])),
  };
}
