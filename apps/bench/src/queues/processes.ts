/** The processes of a peer, as the benchmark's own process sees them. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { startChild } from "../child.ts";
import type { Asked, Measured } from "./measure.ts";
import type { PeerName, Server } from "./peer.ts";

/** A peer, and where its queue is. */
export interface At extends Server {
  readonly name: PeerName;
}

/** What a caller's process is told to do, and what it answers. */
export type Told =
  | { readonly do: "measure"; readonly asked: Asked }
  | { readonly do: "fill"; readonly count: number }
  /** Answered when nothing is left. */
  | { readonly do: "await-drained" };

const processFile = new URL("peer-process.ts", import.meta.url);

function start(opened: AsyncDisposableStack, { name, url, inFlight, work }: At, role: string): ChildProcess {
  const env = { PEER_NAME: name, PEER_ROLE: role, PEER_URL: url, PEER_IN_FLIGHT: String(inFlight), PEER_WORK: work };
  return startChild(opened, processFile, { env });
}

/** Makes a peer's tables and queues. */
export async function prepare(opened: AsyncDisposableStack, at: At): Promise<void> {
  const child = start(opened, at, "prepare");
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${at.name} could not be prepared.`);
}

/** Starts a worker; resolves when it works. */
export async function startPeerWorker(opened: AsyncDisposableStack, at: At): Promise<void> {
  await answerOf(start(opened, at, "worker"), at);
}

/** A caller's process. */
export interface CallerProcess {
  measure(asked: Asked): Promise<Measured>;
  fill(count: number): Promise<void>;
  awaitDrained(): Promise<void>;
}

/** Starts a caller; resolves when it is connected. */
export async function startCaller(opened: AsyncDisposableStack, at: At): Promise<CallerProcess> {
  const child = start(opened, at, "caller");
  await answerOf(child, at);
  const tell = <T>(told: Told): Promise<T> => {
    const answer = answerOf<T>(child, at);
    child.send(told);
    return answer;
  };
  return {
    measure: (asked) => tell({ do: "measure", asked }),
    fill: (count) => tell({ do: "fill", count }),
    awaitDrained: () => tell({ do: "await-drained" }),
  };
}

/** The next message of a child; an error when it ends instead. */
async function answerOf<T>(child: ChildProcess, { name }: At): Promise<T> {
  const over = new AbortController();
  const exit = once(child, "exit", { signal: over.signal }).then(([code]) => {
    throw new Error(`A process of ${name} ended with ${String(code)}.`);
  });
  const message = once(child, "message", { signal: over.signal });
  try {
    const [answer] = (await Promise.race([message, exit])) as [T];
    return answer;
  } finally {
    over.abort();
    await Promise.allSettled([message, exit]);
  }
}
