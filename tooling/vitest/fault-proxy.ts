/**
 * A TCP proxy in front of Postgres that can lose what the server says: for faults that a client cannot see coming.
 */
import type { Socket } from "node:net";
import { openRelay, throughRelay } from "./tcp-relay.ts";

/** A running proxy. Disposing cuts its connections and closes it. */
export interface FaultProxy extends AsyncDisposable {
  /** The database's url, through the proxy. */
  readonly url: string;
  /** Connections made since the start. */
  readonly connections: number;
  /**
   * Cuts the connection whose client sends `statement` next: after the server has answered, before the answer is passed on.
   *
   * @param how `"close"` (default): as a server that goes; `"reset"`: as one that is gone, which the client meets as `ECONNRESET`.
   */
  loseAnswerTo(statement: string, how?: "close" | "reset"): Promise<void>;
  /** Spoils the next statement with these bytes on its way to the server, which then refuses it. The connection lives. */
  spoil(statement: string): Promise<void>;
  /** Cuts every connection now. */
  cutAll(): void;
  /** `true`: bytes of either side vanish, and nothing is closed. */
  blackhole: boolean;
  /** From now on the bytes of the connections there are vanish, and nothing is closed; new connections work. */
  silenceAll(): void;
  /** What Postgres's stop looks like: every connection is cut, and new ones are refused. */
  stop(): Promise<void>;
  /** Ends the stop, at the same port. */
  restart(): Promise<void>;
  /** The start-up parameters of the connections so far, as they were sent. */
  readonly startUps: readonly ReadonlyMap<string, string>[];
}

interface Trap {
  readonly statement: Buffer;
  readonly how: "close" | "reset";
  readonly sprung: () => void;
}

/** Starts a proxy in front of the database at `url`. */
export async function faultProxy(url: string): Promise<FaultProxy> {
  const { port, hostname } = new URL(url);
  const silenced = new Set<Socket>();
  const traps: Trap[] = [];
  const startUps: ReadonlyMap<string, string>[] = [];
  const spoilers: { statement: Buffer; spoilt: () => void }[] = [];
  let blackhole = false;

  const relay = await openRelay({
    target: { host: hostname, port: Number(port) },
    join({ client, upstream }) {
      let lost: Trap | null = null;
      client.once("data", (bytes) => startUps.push(startUpParameters(bytes)));
      client.on("data", (bytes) => {
        if (blackhole || silenced.has(client)) return;
        const index = traps.findIndex(({ statement }) => bytes.includes(statement));
        if (index >= 0) lost = traps.splice(index, 1)[0]!;
        const spoiler = spoilers.findIndex(({ statement }) => bytes.includes(statement));
        if (spoiler >= 0) {
          const { statement, spoilt } = spoilers.splice(spoiler, 1)[0]!;
          bytes.fill("?", bytes.indexOf(statement), bytes.indexOf(statement) + statement.length);
          spoilt();
        }
        upstream.write(bytes);
      });
      upstream.on("data", (bytes) => {
        if (blackhole || silenced.has(client)) return;
        if (lost === null) return void client.write(bytes);
        if (lost.how === "reset") client.resetAndDestroy();
        else client.destroy();
        lost.sprung();
      });
    },
  });

  return {
    url: throughRelay(url, relay),
    get connections() {
      return relay.connections;
    },
    loseAnswerTo: (statement, how = "close") => new Promise((sprung) => traps.push({ statement: Buffer.from(statement), how, sprung })),
    spoil: (statement) => new Promise((spoilt) => spoilers.push({ statement: Buffer.from(statement), spoilt })),
    cutAll: relay.cutAll,
    get blackhole() {
      return blackhole;
    },
    set blackhole(lost) {
      blackhole = lost;
    },
    startUps,
    silenceAll: () => relay.sockets.forEach((socket) => silenced.add(socket)),
    stop: relay.stop,
    restart: relay.restart,
    [Symbol.asyncDispose]: relay.stop,
  };
}

/** A start-up message is a length, a version, and then names and values, each ended by a zero byte. */
function startUpParameters(bytes: Buffer): ReadonlyMap<string, string> {
  const words = bytes.subarray(8).toString("utf8").split("\0");
  return new Map(words.flatMap((word, index) => (index % 2 === 0 && word !== "" ? [[word, words[index + 1] ?? ""] as const] : [])));
}
