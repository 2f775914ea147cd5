/**
 * What calls hold of a process's memory, after a collection.
 *
 * - **In flight:** 10,000 calls whose resolvers wait, in one worker; beside as many bare promises, which is what such a resolver costs its
 *   user anyhow, and as many plain calls through tRPC.
 * - **Queued:** 100,000 calls, in the API that has accepted them, and in a worker whose slots are all busy.
 *
 * What a subscriber holds is measured by `subscribers`.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { startChild } from "../child.ts";
import type { Memory } from "../collected-memory.ts";
import { addDatabase, openDatabase, serverVersion } from "../database.ts";
import { ask } from "../questions.ts";
import { type Benchmark, type BenchmarkReport, figureOf, machine } from "../report.ts";
import type { ApiQuestion } from "./api.ts";
import type { WorkerQuestion } from "./worker.ts";

const inFlight = 10_000;
const queued = 100_000;
const busySlots = 16;

/** What comes before brings code and heaps to their working size. */
const warmUpInFlight = 500;
const warmUpQueued = 20_000;

type PerCall = Readonly<Record<"heapBytesPerCall" | "rssBytesPerCall", number>>;

/** See the file's head. */
export const memory: Benchmark = async ({ rounds, log }) => {
  await using opened = new AsyncDisposableStack();
  const server = await openDatabase(opened);
  const bare: PerCall[] = [];
  const plain: PerCall[] = [];
  const running: PerCall[] = [];
  const ofApi: PerCall[] = [];
  const ofWorker: PerCall[] = [];
  for (let round = 1; round <= rounds; round++) {
    await using inRound = new AsyncDisposableStack();
    bare.push(await measureOwn(server, "promise"));
    plain.push(await measureOwn(server, "trpc"));
    running.push(await measureInFlight(await addDatabase(inRound, server, `in_flight_${round}`)));
    const { api, worker } = await measureQueued(await addDatabase(inRound, server, `queued_${round}`));
    ofApi.push(api);
    ofWorker.push(worker);
    const shown = [running, bare, plain, ofApi, ofWorker].map((all) => Math.round(all.at(-1)!.heapBytesPerCall));
    log(
      `memory: round ${round} of ${rounds}, bytes of heap: ${shown[0]} a call in flight, ${shown[1]} a bare promise, ${shown[2]} a plain call; a queued call ${shown[3]} in the API, ${shown[4]} in a busy worker`,
    );
  }
  const beside = running.map(({ heapBytesPerCall, rssBytesPerCall }, round) => ({
    heapBytesPerCall: heapBytesPerCall - bare[round]!.heapBytesPerCall,
    rssBytesPerCall: rssBytesPerCall - bare[round]!.rssBytesPerCall,
  }));
  return {
    benchmark: "memory",
    machine: machine(await serverVersion(server)),
    rounds,
    results: [
      result("raincheck", { what: "in flight", calls: inFlight }, running),
      result("bare-promises", { what: "in flight", calls: inFlight }, bare),
      result("trpc-sync", { what: "in flight", calls: inFlight }, plain),
      result("raincheck", { what: "in flight, beside the user's own", calls: inFlight }, beside),
      result("raincheck", { what: "queued, in the API", calls: queued }, ofApi),
      result("raincheck", { what: "queued, in a busy worker", calls: queued }, ofWorker),
    ],
    ratios: [],
  };
};

async function measureOwn(url: string, by: "promise" | "trpc"): Promise<PerCall> {
  await using opened = new AsyncDisposableStack();
  const worker = await startWorker(opened, url, busySlots);
  await worker({ type: "hold", count: warmUpInFlight, by });
  await worker({ type: "release" });
  const before = (await worker({ type: "memory" })) as Memory;
  await worker({ type: "hold", count: inFlight, by });
  return perCall(before, (await worker({ type: "memory" })) as Memory, inFlight);
}

async function measureInFlight(url: string): Promise<PerCall> {
  await using opened = new AsyncDisposableStack();
  const worker = await startWorker(opened, url, inFlight);
  const api = await startApi(opened, url);
  const runAll = async (count: number): Promise<void> => {
    await api({ type: "accept", count });
    while ((await worker({ type: "held" })) !== count) await sleep(50);
  };
  await runAll(warmUpInFlight);
  await worker({ type: "release" });
  const before = await restingMemory(worker);
  await runAll(inFlight);
  return perCall(before, await restingMemory(worker), inFlight);
}

async function measureQueued(url: string): Promise<Record<"api" | "worker", PerCall>> {
  await using opened = new AsyncDisposableStack();
  const worker = await startWorker(opened, url, busySlots);
  const api = await startApi(opened, url);
  await api({ type: "accept", count: busySlots + warmUpQueued });
  while ((await worker({ type: "held" })) !== busySlots) await sleep(50);
  const before = { api: await restingMemory(api), worker: await restingMemory(worker) };
  await api({ type: "accept", count: queued });
  return {
    api: perCall(before.api, await restingMemory(api), queued),
    worker: perCall(before.worker, await restingMemory(worker), queued),
  };
}

type Asking<TQuestion> = (question: TQuestion) => Promise<unknown>;

async function startWorker(opened: AsyncDisposableStack, url: string, concurrency: number): Promise<Asking<WorkerQuestion>> {
  return await start(opened, "worker.ts", { DATABASE_URL: url, CONCURRENCY: String(concurrency) });
}

async function startApi(opened: AsyncDisposableStack, url: string): Promise<Asking<ApiQuestion>> {
  return await start(opened, "api.ts", { DATABASE_URL: url });
}

async function start<TQuestion>(opened: AsyncDisposableStack, file: string, env: NodeJS.ProcessEnv): Promise<Asking<TQuestion>> {
  const child: ChildProcess = startChild(opened, new URL(file, import.meta.url), { env, execArgv: ["--expose-gc"] });
  await once(child, "message");
  return (question) => ask(child, question);
}

/** Once what is under way has ended, and the heap does not shrink any more. */
async function restingMemory(process: Asking<{ readonly type: "memory" }>): Promise<Memory> {
  let least: Memory | null = null;
  for (;;) {
    await sleep(1_000);
    const now = (await process({ type: "memory" })) as Memory;
    if (least !== null && now.heapBytes > least.heapBytes * 0.995) return now;
    least = now;
  }
}

function perCall(before: Memory, after: Memory, calls: number): PerCall {
  return {
    heapBytesPerCall: (after.heapBytes - before.heapBytes) / calls,
    rssBytesPerCall: (after.rssBytes - before.rssBytes) / calls,
  };
}

function result(
  peer: string,
  params: Readonly<Record<string, number | string>>,
  all: readonly PerCall[],
): BenchmarkReport["results"][number] {
  const metric = (name: keyof PerCall) => figureOf(all.map((one) => one[name]));
  return { peer, params, metrics: { heapBytesPerCall: metric("heapBytesPerCall"), rssBytesPerCall: metric("rssBytesPerCall") } };
}
