/**
 * A TCP proxy in front of Postgres that can lose what the server says: for faults that a client cannot see coming.
 */
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

/** A running proxy. Disposing cuts its connections and closes it. */
export interface FaultProxy extends AsyncDisposable {
  /** The database's url, through the proxy. */
  readonly url: string;
  /** Connections made since the start. */
  readonly connections: number;
  /** Cuts the connection whose client sends `statement` next: after the server has answered, before the answer is passed on. */
  loseAnswerTo(statement: string): Promise<void>;
  /** Spoils the next statement with these bytes on its way to the server, which then refuses it. The connection lives. */
  spoil(statement: string): Promise<void>;
  /** Cuts every connection now. */
  cutAll(): void;
  /** `true`: bytes of either side vanish, and nothing is closed. */
  blackhole: boolean;
}

/** Starts a proxy in front of the database at `url`. */
export async function faultProxy(url: string): Promise<FaultProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const traps: { statement: Buffer; sprung: () => void }[] = [];
  const spoilers: { statement: Buffer; spoilt: () => void }[] = [];
  let connections = 0;
  let blackhole = false;

  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(Number(target.port), target.hostname);
    let answerIsLost: (() => void) | null = null;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (bytes) => {
      if (blackhole) return;
      const index = traps.findIndex(({ statement }) => bytes.includes(statement));
      if (index >= 0) answerIsLost = traps.splice(index, 1)[0]!.sprung;
      const spoiler = spoilers.findIndex(({ statement }) => bytes.includes(statement));
      if (spoiler >= 0) {
        const { statement, spoilt } = spoilers.splice(spoiler, 1)[0]!;
        bytes.fill("?", bytes.indexOf(statement), bytes.indexOf(statement) + statement.length);
        spoilt();
      }
      upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      if (blackhole) return;
      if (answerIsLost === null) return void client.write(bytes);
      client.destroy();
      answerIsLost();
    });
  });
  await listen(server);

  const own = new URL(url);
  own.port = String((server.address() as AddressInfo).port);
  own.hostname = "127.0.0.1";
  return {
    url: own.href,
    get connections() {
      return connections;
    },
    loseAnswerTo: (statement) => new Promise((sprung) => traps.push({ statement: Buffer.from(statement), sprung })),
    spoil: (statement) => new Promise((spoilt) => spoilers.push({ statement: Buffer.from(statement), spoilt })),
    cutAll: () => sockets.forEach((socket) => socket.destroy()),
    get blackhole() {
      return blackhole;
    },
    set blackhole(lost) {
      blackhole = lost;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function listen(server: Server): Promise<void> {
  return new Promise((listening, failed) => {
    server.once("error", failed);
    server.listen(0, "127.0.0.1", listening);
  });
}
