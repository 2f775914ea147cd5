/**
 * What subscribers miss: nothing, it is to be shown.
 *
 * - **Cuts.** A client follows calls through a proxy that cuts its subscriptions at random bytes, a thousand times; each event that the
 *   application gets is compared with its number: gaps and repeats.
 * - **Races.** 10,000 calls are settled within 5 ms of the moment at which their result is asked for: those that hang.
 * - **Restart.** The API is killed under 5,000 subscribers, their calls are settled while another starts: until when all have been told, and
 *   how many connections to the database that takes. The clients pause between their tries as the client of this repository does. Beside
 *   it, as many of tRPC's own subscriptions that are told one event after the restart, and the same settles: what tRPC and Node take.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createDeferClient } from "@raincheck/client";
import { createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import { EventSource } from "eventsource";
import { openDatabase, serverVersion } from "../database.ts";
import { type Benchmark, figureOf, machine } from "../report.ts";
import { watchActivity } from "./activity.ts";
import { startApi } from "./api-process.ts";
import { openCuttingProxy } from "./cutting-proxy.ts";
import type { AppRouter } from "./raincheck.ts";
import { type Settler, openSettler } from "./settler.ts";
import { SseClient, openMany, watchPath } from "./sse-client.ts";

const cutsWanted = 1_000;
const races = 10_000;
const racesAtOnce = 100;
const subscribers = 5_000;

/** A result that has not come after so long hangs, in milliseconds. */
const hangMs = 10_000;

/** See the file's head. */
export const cuts: Benchmark = async ({ rounds, log }) => {
  await using opened = new AsyncDisposableStack();
  const url = await openDatabase(opened);
  const all: Record<string, number>[] = [];
  const plain: Record<string, number>[] = [];
  for (let round = 1; round <= rounds; round++) {
    const cutting = await cutAtRandom(url);
    log(`cuts: round ${round} of ${rounds}: ${JSON.stringify(cutting)}`);
    const racing = await raceSettles(url);
    log(`cuts: round ${round} of ${rounds}: ${JSON.stringify(racing)}`);
    const restarting = await restart(url, "raincheck");
    log(`cuts: round ${round} of ${rounds}: ${JSON.stringify(restarting)}`);
    all.push({ ...cutting, ...racing, ...restarting });
    plain.push(await restart(url, "trpc-subscription"));
    log(`cuts: trpc-subscription, round ${round} of ${rounds}: ${JSON.stringify(plain.at(-1))}`);
  }
  const metrics = (measured: readonly Record<string, number>[]) =>
    Object.fromEntries(Object.keys(measured[0] ?? {}).map((name) => [name, figureOf(measured.map((one) => one[name]!))]));
  return {
    benchmark: "cuts",
    machine: machine(await serverVersion(url)),
    rounds,
    results: [
      { peer: "raincheck", params: { cuts: cutsWanted, races, subscribers }, metrics: metrics(all) },
      { peer: "trpc-subscription", params: { subscribers }, metrics: metrics(plain) },
    ],
    ratios: [
      {
        metric: "caughtUpMs",
        params: { subscribers },
        of: "raincheck",
        to: "trpc-subscription",
        ...figureOf(all.map((one, index) => one["caughtUpMs"]! / plain[index]!["caughtUpMs"]!)),
      },
    ],
  };
};

function clientOf(requests: number, streams = requests) {
  return createDeferClient(
    createTRPCClient<AppRouter>({
      links: [
        splitLink({
          condition: ({ type }) => type === "subscription",
          true: httpSubscriptionLink({ url: `http://127.0.0.1:${streams}`, EventSource }),
          false: httpBatchLink({ url: `http://127.0.0.1:${requests}` }),
        }),
      ],
    }),
  );
}

async function cutAtRandom(url: string): Promise<Record<string, number>> {
  await using opened = new AsyncDisposableStack();
  const api = await startApi(opened, url);
  const settler = opened.use(await openSettler(url));
  const proxy = opened.use(await openCuttingProxy(api.port, { most: cutsWanted, bytes: () => 150 + Math.floor(Math.random() * 4_000) }));
  const seen = { calls: 0, events: 0, gaps: 0, repeats: 0, unfinished: 0 };
  // Some clients at once, so that a thousand pauses between tries do not add up.
  const clients = Array.from({ length: 20 }, () => clientOf(api.port, proxy.port));
  const follow = async (client: (typeof clients)[number]): Promise<void> => {
    while (proxy.cuts < cutsWanted) {
      const handle = await client.held();
      const [call] = [...(await settler.claim(1)).values()];
      // It is one of those that were started, perhaps another client's: whoever started it follows it.
      const attached = client.held.attach(call!.id);
      seen.calls += 1;
      const reading = (async () => {
        let last = 0;
        for await (const { seq } of attached.events()) {
          seen.events += 1;
          if (seq > last + 1) seen.gaps += 1;
          if (seq <= last) seen.repeats += 1;
          last = seq;
        }
        return last;
      })();
      const steps = 20;
      for (let done = 1; done <= steps; done++) {
        await settler.report(call!, done);
        await sleep(Math.random() * 20);
      }
      await settler.settle(call!);
      // 1 queued, 2 started, the progress, the end.
      if ((await reading) !== steps + 3) seen.unfinished += 1;
      void handle;
    }
  };
  await Promise.all(clients.map(follow));
  return {
    cutCount: proxy.cuts,
    followedCount: seen.calls,
    eventCount: seen.events,
    gapCount: seen.gaps,
    repeatCount: seen.repeats,
    unfinishedCount: seen.unfinished,
  };
}

async function raceSettles(url: string): Promise<Record<string, number>> {
  await using opened = new AsyncDisposableStack();
  const api = await startApi(opened, url);
  const settler = opened.use(await openSettler(url));
  let hangs = 0;
  let slowest = 0;
  for (let done = 0; done < races; done += racesAtOnce) {
    // A fresh client each time: its subscription is opened while its calls are settled.
    const client = clientOf(api.port);
    const { ids } = await api.ask({ type: "start", count: racesAtOnce });
    const claimed = await settler.claim(racesAtOnce);
    const one = async (id: string): Promise<void> => {
      const begun = performance.now();
      const abort = AbortSignal.timeout(hangMs);
      const result = client.held
        .attach(id)
        .result({ signal: abort })
        .catch(() => (hangs += 1));
      await sleep(Math.random() * 5);
      await settler.settle(claimed.get(id)!);
      await result;
      slowest = Math.max(slowest, performance.now() - begun);
    };
    await Promise.all(ids.map(one));
  }
  return { raceCount: races, hangCount: hangs, slowestRaceMs: slowest };
}

async function restart(url: string, peer: "raincheck" | "trpc-subscription"): Promise<Record<string, number>> {
  await using opened = new AsyncDisposableStack();
  const activity = opened.use(watchActivity(url));
  const first = await startApi(opened, url);
  const settler = opened.use(await openSettler(url));
  const { ids } = await first.ask({ type: "start", count: subscribers });
  const claimed = await settler.claim(subscribers);
  const waiting = new Set(ids);
  const all = Promise.withResolvers<void>();
  let restarted = false;
  let stopped = false;

  const pathOf = (id: string): string =>
    peer === "raincheck" ? watchPath([{ id, after: 2 }]) : watchPath([{ id }], restarted ? "once" : "ticks");
  const connectOne = (id: string, told: () => void, failures = 0): SseClient =>
    new SseClient(first.port, pathOf(id), {
      opened: told,
      event(data) {
        if (peer === "raincheck" ? !data.includes('"succeeded"') : !restarted) return;
        waiting.delete(id);
        if (waiting.size === 0) all.resolve();
      },
      lost() {
        if (stopped || !waiting.has(id)) return;
        // The client's own pauses: full jitter, up to 250 ms, 500 ms, … 30 s.
        const pauseMs = Math.random() * Math.min(30_000, 250 * 2 ** failures);
        setTimeout(() => connectOne(id, told, failures + 1), pauseMs);
      },
    });
  await openMany(subscribers, (index, told) => connectOne(ids[index]!, told));

  restarted = true;
  await first.kill();
  const settling = settleAll(settler, [...claimed.values()]);
  const connections: number[] = [];
  const sampling = new AbortController();
  const samples = (async () => {
    while (!sampling.signal.aborted) {
      connections.push(await activity.connections());
      await sleep(50);
    }
  })();
  const begun = performance.now();
  await startApi(opened, url, { port: first.port });
  const listening = performance.now();
  await Promise.race([all.promise, sleep(60_000)]);
  const caughtUp = performance.now();
  await settling;
  stopped = true;
  sampling.abort();
  await samples;
  return {
    restartedSubscriberCount: subscribers,
    restartMs: listening - begun,
    caughtUpMs: caughtUp - listening,
    missingCount: waiting.size,
    databaseConnectionsMost: Math.max(...connections),
  };
}

async function settleAll(settler: Settler, calls: Parameters<Settler["settle"]>[0][]): Promise<void> {
  await Promise.all(calls.map((call) => settler.settle(call)));
}
