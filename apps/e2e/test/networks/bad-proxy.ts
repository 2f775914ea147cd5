/** A TCP proxy as one meets them between browsers and servers: it holds bytes back, cuts who says nothing, or loses everything. */
import { type AddressInfo, type Socket, connect, createServer } from "node:net";

/** A running proxy. Disposing cuts its connections and closes it. */
export interface BadProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections made since the start. */
  readonly connections: number;
  /** From now on nothing passes of the connections there are, and nothing is closed; new ones work. */
  silenceAll(): void;
  /** Cuts every connection now. */
  cutAll(): void;
}

/** What is bad about it. */
export interface Badness {
  /** A connection over which the server says nothing for this long is cut. */
  readonly idleMs?: number;
  /** What the server says is held until it is so much. */
  readonly holdBytes?: number;
}

/** Opens a proxy in front of a port of this machine. */
export async function openBadProxy(target: number, { idleMs, holdBytes = 0 }: Badness): Promise<BadProxy> {
  const sockets = new Set<Socket>();
  const silenced = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(target, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        // Who is silenced does not hear of the other's end either.
        if (!silenced.has(client)) client.destroy();
        if (!silenced.has(upstream)) upstream.destroy();
      });
    }
    let held: Buffer[] = [];
    const pass = (): void => {
      client.write(Buffer.concat(held));
      held = [];
    };
    if (idleMs !== undefined) upstream.setTimeout(idleMs, () => upstream.destroy());
    client.on("data", (bytes) => {
      if (!silenced.has(client)) upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      if (silenced.has(client)) return;
      held.push(bytes);
      if (held.reduce((sum, { length }) => sum + length, 0) >= holdBytes) pass();
    });
    upstream.on("end", () => {
      if (!silenced.has(client)) pass();
    });
  });
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(0, "127.0.0.1", listening);
  });
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    silenceAll: () => sockets.forEach((socket) => silenced.add(socket)),
    cutAll: () => sockets.forEach((socket) => socket.destroy()),
    async [Symbol.asyncDispose]() {
      silenced.clear();
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}
