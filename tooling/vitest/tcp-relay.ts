/** A TCP server in front of another. It joins the ends of each connection; what passes between them is its user's to say. */
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

/** The two ends of a connection. */
export interface Joint {
  readonly client: Socket;
  readonly upstream: Socket;
}

/** How a relay is opened. */
export interface RelayOptions {
  /** Where its connections go. */
  readonly target: { readonly host: string; readonly port: number };
  /** Is told of each connection before anything passes. */
  readonly join: (joint: Joint) => void;
  /** Whether a socket is closed when the other end of its connection is. Default: each is. */
  readonly hearsOfTheEnd?: (socket: Socket) => boolean;
}

/** A running relay, on a port of its own. Disposing stops it. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Connections made since the start. */
  readonly connections: number;
  /** Of both ends, those that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** Cuts every connection now. */
  cutAll(): void;
  /** Cuts every connection, and refuses new ones. */
  stop(): Promise<void>;
  /** Ends the stop, at the same port. */
  restart(): Promise<void>;
}

/** Opens a relay on this machine. */
export async function openRelay({ target, join, hearsOfTheEnd = () => true }: RelayOptions): Promise<Relay> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(target.port, target.host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        for (const end of [client, upstream]) if (hearsOfTheEnd(end)) end.destroy();
      });
    }
    join({ client, upstream });
  });
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const cutAll = (): void => sockets.forEach((socket) => socket.destroy());
  async function stop(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve));
    cutAll();
    await closed;
  }
  return {
    port,
    get connections() {
      return connections;
    },
    sockets,
    cutAll,
    stop,
    restart: () => listen(server, port),
    [Symbol.asyncDispose]: stop,
  };
}

/** The url of a database, as it is reached through a relay. */
export function throughRelay(url: string, { port }: Pick<Relay, "port">): string {
  const own = new URL(url);
  own.port = String(port);
  own.hostname = "127.0.0.1";
  return own.href;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((listening, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", listening);
  });
}
