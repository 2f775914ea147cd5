/**
 * From the settle of a call, in another process than the API's, until a client has heard of it, at 200 calls a second.
 *
 * - `open`: the calls are followed by connections that have been open for long: what delivery itself costs, with notifications, and without,
 *   where the poll finds what has changed.
 * - `joining`: each call is started by the one client that all of them share, whose subscription it joins while others are settled, and it
 *   is told when `handle.result()` resolves.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createDeferClient } from "@raincheck/client";
import type { ClaimedCall } from "@raincheck/engine";
import { createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import { EventSource } from "eventsource";
import { openDatabase, serverVersion } from "../database.ts";
import { type Benchmark, type PeerResult, figureOf, machine, percentile } from "../report.ts";
import { startApi } from "./api-process.ts";
import type { AppRouter } from "./raincheck.ts";
import { openSettler } from "./settler.ts";
import { SseClient, openMany, watchPath } from "./sse-client.ts";

const callsPerSecond = 200;
const seconds = 10;

/** What comes first warms up, and does not count. */
const warmUpSeconds = 1;

/** Calls that each of the open connections follows. */
const callsPerConnection = 100;

/** How long a joining call runs before it is settled, in milliseconds. */
const runMs = 500;

const cases = [
  { name: "open", listen: true },
  { name: "joining", listen: true },
  { name: "open", listen: false },
] as const;

/** See the file's head. */
export const delivery: Benchmark = async ({ rounds, log }) => {
  await using opened = new AsyncDisposableStack();
  const url = await openDatabase(opened);
  const results: PeerResult[] = [];
  for (const { name, listen } of cases) {
    const measured: number[][] = [];
    for (let round = 1; round <= rounds; round++) {
      measured.push(await (name === "open" ? measureOpen(url, listen) : measureJoining(url, listen)));
      log(`delivery: ${name}, ${listen ? "with" : "without"} notifications, round ${round} of ${rounds}`);
    }
    const figure = (percent: number) => figureOf(measured.map((times) => percentile(times, percent)));
    results.push({
      peer: "raincheck",
      params: { callsPerSecond, joining: Number(name === "joining"), notifications: Number(listen) },
      metrics: { p50Ms: figure(50), p95Ms: figure(95), p99Ms: figure(99), maxMs: figure(100) },
    });
  }
  return { benchmark: "delivery", machine: machine(await serverVersion(url)), rounds, results, ratios: [] };
};

/** Does something so many times a second, and waits until all of it is done. */
async function steadily(act: (number: number) => Promise<void>): Promise<void> {
  const running: Promise<void>[] = [];
  const begun = performance.now();
  for (let made = 0; made < callsPerSecond * (warmUpSeconds + seconds); made++) {
    await sleep(Math.max(0, begun + (made * 1_000) / callsPerSecond - performance.now()));
    running.push(act(made));
  }
  await Promise.all(running);
}

const ascending = (times: readonly number[]): number[] => times.slice(callsPerSecond * warmUpSeconds).sort((a, b) => a - b);

/** The times from settle to the client in milliseconds, sorted. */
async function measureOpen(url: string, listen: boolean): Promise<number[]> {
  await using opened = new AsyncDisposableStack();
  const api = await startApi(opened, url, { listen });
  const settler = opened.use(await openSettler(url, { listen }));
  const count = callsPerSecond * (warmUpSeconds + seconds);
  const { ids } = await api.ask({ type: "start", count });
  const claimed = await settler.claim(count);
  const told = new Map(ids.map((id) => [id, Promise.withResolvers<void>()]));
  const clients = await openMany(Math.ceil(count / callsPerConnection), (index, isOpen) => {
    const own = ids.slice(index * callsPerConnection, (index + 1) * callsPerConnection);
    return new SseClient(api.port, watchPath(own.map((id) => ({ id, after: 2 }))), {
      opened: isOpen,
      event: (data) => told.get((JSON.parse(data) as { id: string }).id)?.resolve(),
    });
  });
  // The poll has seen them all.
  await sleep(2_500);

  const times: number[] = [];
  await steadily(async (number) => {
    const id = ids[number]!;
    const begun = performance.now();
    await Promise.all([settler.settle(claimed.get(id)!), told.get(id)!.promise]);
    times.push(performance.now() - begun);
  });
  for (const client of clients) client.close();
  return ascending(times);
}

/** The times from settle to result in milliseconds, sorted. */
async function measureJoining(url: string, listen: boolean): Promise<number[]> {
  await using opened = new AsyncDisposableStack();
  const api = await startApi(opened, url, { listen });
  const settler = opened.use(await openSettler(url, { listen }));
  const base = `http://127.0.0.1:${api.port}`;
  const trpc = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: httpSubscriptionLink({ url: base, EventSource }),
        false: httpBatchLink({ url: base }),
      }),
    ],
  });
  const { held } = createDeferClient(trpc);
  const running = new Map<string, ClaimedCall>();
  const over = new AbortController();
  const claiming = (async () => {
    while (!over.signal.aborted) {
      for (const call of await settler.claimSome()) running.set(call.id, call);
      await sleep(20);
    }
  })();

  const times: number[] = [];
  await steadily(async () => {
    const handle = await held();
    let settledAt = Number.NaN;
    const told = handle.result().then(() => times.push(performance.now() - settledAt));
    await sleep(runMs);
    while (!running.has(handle.id)) await sleep(10);
    settledAt = performance.now();
    await settler.settle(running.get(handle.id)!);
    await told;
  });
  over.abort();
  await claiming;
  return ascending(times);
}
