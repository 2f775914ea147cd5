/** A TCP proxy in front of Postgres that counts what goes through it: for promises of what costs no statement. */
import { openRelay, throughRelay } from "./tcp-relay.ts";

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
  const { port, hostname } = new URL(url);
  let statements = 0;
  const relay = await openRelay({
    target: { host: hostname, port: Number(port) },
    join({ client, upstream }) {
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
    },
  });
  return {
    url: throughRelay(url, relay),
    get statements() {
      return statements;
    },
    get connections() {
      return Math.ceil(relay.sockets.size / 2);
    },
    [Symbol.asyncDispose]: relay.stop,
  };
}
