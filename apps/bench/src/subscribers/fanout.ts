/**
 * One call, a thousand subscribers: from the moment at which it is settled in another process until the last of a thousand connections to one
 * API process has heard of it, and how many reads of the ledger that costs; beside an event of tRPC's own subscription, which is told to
 * as many in the process that knows of it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openDatabase, serverVersion } from "../database.ts";
import { type Benchmark, figureOf, machine, percentile } from "../report.ts";
import { type ApiProcess, startApi } from "./api-process.ts";
import { openSettler } from "./settler.ts";
import { SseClient, openMany, watchPath } from "./sse-client.ts";

const subscribers = 1_000;
const settlesPerRound = 20;

/** Events of each kind, before those that count. */
const warmUp = 3;

/** Who is told of an event, and when the last of them was. */
class Telling {
  readonly #begun = performance.now();
  readonly #waiting = new Set<number>(Array.from({ length: subscribers }, (_, index) => index));
  readonly times: number[] = [];
  readonly all = Promise.withResolvers<void>();

  told(index: number): void {
    if (!this.#waiting.delete(index)) return;
    this.times.push(performance.now() - this.#begun);
    if (this.#waiting.size === 0) this.all.resolve();
  }
}

/** See the file's head. */
export const fanout: Benchmark = async ({ rounds, log }) => {
  await using opened = new AsyncDisposableStack();
  const url = await openDatabase(opened);
  const api = await startApi(opened, url);
  const settler = opened.use(await openSettler(url));
  const lastOf = { raincheck: [] as number[][], "trpc-subscription": [] as number[][] };
  const allOf = { raincheck: [] as number[][], "trpc-subscription": [] as number[][] };
  const reads: number[] = [];

  for (let round = 1; round <= rounds; round++) {
    const { ids } = await api.ask({ type: "start", count: warmUp + settlesPerRound });
    const claimed = await settler.claim(warmUp + settlesPerRound);
    let telling: Telling | null = null;
    const connectOne = (path: string, isNews: (data: string) => boolean) => (index: number, told: () => void) =>
      new SseClient(api.port, path, {
        event(data) {
          told();
          if (isNews(data)) telling?.told(index);
        },
      });
    let warmingUp = true;
    const measure = async (peer: keyof typeof lastOf, cause: () => Promise<unknown>): Promise<void> => {
      telling = new Telling();
      await cause();
      await telling.all.promise;
      const { times } = telling;
      if (warmingUp) return;
      (lastOf[peer][round - 1] ??= []).push(times.at(-1)!);
      (allOf[peer][round - 1] ??= []).push(...times);
      // The sockets of both sides are idle again.
      await sleep(50);
    };

    const watchers = await openMany(
      subscribers,
      connectOne(watchPath(ids.map((id) => ({ id }))), (data) => data.includes('"succeeded"')),
    );
    const before = await quietReads(api);
    for (const [index, id] of ids.entries()) {
      warmingUp = index < warmUp;
      await measure("raincheck", () => settler.settle(claimed.get(id)!));
    }
    reads.push(((await quietReads(api)) - before) / ids.length);
    for (const watcher of watchers) watcher.close();

    let ticks = 0;
    const listeners = await openMany(
      subscribers,
      connectOne("/ticks", (data) => Number(/"ticks":(\d+)/.exec(data)?.[1]) > ticks),
    );
    ticks = (round - 1) * (warmUp + settlesPerRound) + 1;
    for (let times = 0; times < warmUp + settlesPerRound; times++) {
      warmingUp = times < warmUp;
      await measure("trpc-subscription", () => api.ask({ type: "tick" }));
      ticks += 1;
    }
    for (const listener of listeners) listener.close();
    log(`fanout: round ${round} of ${rounds}`);
  }

  const params = { subscribers };
  const metrics = (peer: keyof typeof lastOf) => ({
    ...percentilesOf("", allOf[peer]),
    ...percentilesOf("last", lastOf[peer]),
  });
  return {
    benchmark: "fanout",
    machine: machine(await serverVersion(url)),
    rounds,
    results: [
      { peer: "raincheck", params, metrics: { ...metrics("raincheck"), readsPerSettle: figureOf(reads) } },
      { peer: "trpc-subscription", params, metrics: metrics("trpc-subscription") },
    ],
    ratios: [50, 99].map((percent) => ({
      metric: `lastP${percent}Ms`,
      params,
      of: "raincheck",
      to: "trpc-subscription",
      ...figureOf(
        lastOf.raincheck.map((one, index) => percentileOf(one, percent) / percentileOf(lastOf["trpc-subscription"][index]!, percent)),
      ),
    })),
  };
};

/** Reads of the ledger, once those under way are over: also the one with which the poll sees a call for the first time. */
async function quietReads(api: ApiProcess): Promise<number> {
  for (let last = -1; ;) {
    const { events } = await api.ask({ type: "reads" });
    if (events === last) return events;
    last = events;
    await sleep(1_500);
  }
}

function percentileOf(times: readonly number[], percent: number): number {
  return percentile(
    [...times].sort((a, b) => a - b),
    percent,
  );
}

function percentilesOf(who: "" | "last", rounds: readonly (readonly number[])[]) {
  const name = (percent: number) => (who === "" ? `p${percent}Ms` : `lastP${percent}Ms`);
  return Object.fromEntries([50, 99].map((percent) => [name(percent), figureOf(rounds.map((times) => percentileOf(times, percent)))]));
}
