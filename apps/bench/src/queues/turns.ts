/** Peers measured in turn, A B C A B C, each with processes of its own that end before the next peer's begin. */
import { once } from "node:events";
import { endChild, startChild } from "../child.ts";
import { openDatabase, serverVersion } from "../database.ts";
import { type BenchmarkReport, type PeerResult, type Ratio, figureOf, machine } from "../report.ts";
import type { Asked, Measured } from "./measure.ts";
import { type PeerName, peerNames } from "./peer.ts";
import { openRedis } from "./redis.ts";

/** What is measured of each peer, once a round. */
export interface Turn {
  readonly benchmark: string;
  readonly rounds: number;
  readonly log: (line: string) => void;
  /** What each caller is asked, one after the other. */
  readonly asked: readonly Asked[];
  /** Whether a worker runs beside the caller. */
  readonly hasWorker: boolean;
  readonly metrics: readonly (keyof Measured)[];
}

/** Measures all peers, and how Raincheck stands to each. */
export async function takeTurns({ benchmark, rounds, log, asked, hasWorker, metrics }: Turn): Promise<BenchmarkReport> {
  await using opened = new AsyncDisposableStack();
  const postgresUrl = await openDatabase(opened);
  const urls = new Map<PeerName, string>(peerNames.map((name) => [name, postgresUrl]));
  urls.set("bullmq", await openRedis(opened, "everysec"));
  urls.set("bullmq-always", await openRedis(opened, "always"));
  const inFlight = Math.max(...asked.map((one) => one.inFlight));
  const measured = new Map<PeerName, Measured[][]>(peerNames.map((name) => [name, asked.map(() => [])]));
  for (const name of peerNames) await prepare(opened, { name, url: urls.get(name)!, inFlight });

  for (let round = 1; round <= rounds; round++) {
    for (const name of peerNames) {
      const figures = await measureOnce({ name, url: urls.get(name)!, inFlight }, { asked, hasWorker });
      figures.forEach((one, index) => measured.get(name)![index]!.push(one));
      const shown = figures.map((one, index) => `${asked[index]!.inFlight} in flight ${Math.round(one.perSecond)}/s`);
      log(`${benchmark}: round ${round} of ${rounds}, ${name}: ${shown.join(", ")}`);
    }
  }

  const results: PeerResult[] = [];
  const ratios: Ratio[] = [];
  for (const [index, { inFlight: params }] of asked.entries()) {
    const own = measured.get("raincheck")![index]!;
    for (const name of peerNames) {
      const rows = measured.get(name)![index]!;
      const figures = metrics.map((metric) => [metric, figureOf(rows.map((row) => row[metric]))] as const);
      results.push({ peer: name, params: { inFlight: params }, metrics: Object.fromEntries(figures) });
      if (name === "raincheck") continue;
      for (const metric of metrics) {
        const figure = figureOf(own.map((row, round) => row[metric] / rows[round]![metric]));
        ratios.push({ metric, params: { inFlight: params }, of: "raincheck", to: name, ...figure });
      }
    }
  }
  return { benchmark, machine: machine(await serverVersion(postgresUrl)), rounds, results, ratios };
}

interface At {
  readonly name: PeerName;
  readonly url: string;
  readonly inFlight: number;
}

const processFile = new URL("peer-process.ts", import.meta.url);

function start(opened: AsyncDisposableStack, { name, url, inFlight }: At, role: string) {
  return startChild(opened, processFile, { env: { PEER_NAME: name, PEER_ROLE: role, PEER_URL: url, PEER_IN_FLIGHT: String(inFlight) } });
}

async function prepare(opened: AsyncDisposableStack, at: At): Promise<void> {
  const child = start(opened, at, "prepare");
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${at.name} could not be prepared.`);
}

async function measureOnce(at: At, { asked, hasWorker }: Pick<Turn, "asked" | "hasWorker">): Promise<Measured[]> {
  await using opened = new AsyncDisposableStack();
  if (hasWorker) await ready(start(opened, at, "worker"), at);
  const caller = start(opened, at, "caller");
  await ready(caller, at);
  const figures: Measured[] = [];
  for (const one of asked) {
    caller.send(one);
    figures.push(await answerOf<Measured>(caller, at));
  }
  await endChild(caller);
  return figures;
}

async function ready(child: ReturnType<typeof start>, at: At): Promise<void> {
  await answerOf(child, at);
}

/** The next message of a child; an error when it ends instead. */
async function answerOf<T>(child: ReturnType<typeof start>, { name }: At): Promise<T> {
  const ended = new AbortController();
  const exit = once(child, "exit", { signal: ended.signal }).then(([code]) => {
    throw new Error(`A process of ${name} ended with ${String(code)}.`);
  });
  const message = once(child, "message", { signal: ended.signal });
  try {
    const [answer] = (await Promise.race([message, exit])) as [T];
    return answer;
  } finally {
    ended.abort();
    await Promise.allSettled([message, exit]);
  }
}
