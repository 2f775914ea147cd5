/** A TCP proxy in front of Postgres that counts what goes through it: for promises of what costs no statement. */
import { type AddressInfo, type Socket, connect, createServer } from "node:net";

/** A running counter. Disposing cuts its connections and closes it. */
export interface StatementCounter extends AsyncDisposable {
  /** The database's url, through the counter. */
  readonly url: string;
  /** Statements that were executed since the start. */
  readonly statements: number;
  /** Connections that are open now. */
  readonly connections: number;
}

const execute = "E".charCodeAt(0);
const simpleQuery = "Q".charCodeAt(0);

/** Starts a counter in front of the database at `url`. */
export async function statementCounter(url: string): Promise<StatementCounter> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let statements = 0;
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("close", () => (connections -= 1));
    upstream.pipe(client);
    let unread = Buffer.alloc(0);
    let started = false;
    client.on("data", (bytes) => {
      upstream.write(bytes);
      unread = Buffer.concat([unread, bytes]);
      // The first message of a connection is a length and its body; those after it have a letter before the length.
      for (;;) {
        const prefix = started ? 1 : 0;
        if (unread.length < prefix + 4) return;
        const length = prefix + unread.readInt32BE(prefix);
        if (unread.length < length) return;
        if (started && (unread[0] === execute || unread[0] === simpleQuery)) statements += 1;
        started = true;
        unread = unread.subarray(length);
      }
    });
  });
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(0, "127.0.0.1", listening);
  });
  const own = new URL(url);
  own.port = String((server.address() as AddressInfo).port);
  own.hostname = "127.0.0.1";
  return {
    url: own.href,
    get statements() {
      return statements;
    },
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}
