import { type AddressInfo, type Socket, connect, createServer } from "node:net";

/** A proxy that cuts connections. Disposing closes it. */
export interface CuttingProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections that it has cut so far. */
  readonly cuts: number;
}

/**
 * Opens a proxy in front of a port, which lets each connection's server say some bytes and then cuts it, in the middle of whatever it says,
 * until there were so many cuts.
 *
 * @param options.bytes how many the next connection is granted.
 */
export async function openCuttingProxy(
  target: number,
  options: { readonly most: number; readonly bytes: () => number },
): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    let left = options.bytes();
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (bytes) => upstream.write(bytes));
    upstream.on("data", (bytes) => {
      left -= bytes.length;
      if (left > 0 || cuts >= options.most) return void client.write(bytes);
      if (!client.destroyed && !client.writableEnded) {
        cuts += 1;
        client.end(bytes.subarray(0, bytes.length + left), () => client.destroy());
      }
    });
  });
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(0, "127.0.0.1", listening);
  });
  return {
    port: (server.address() as AddressInfo).port,
    get cuts() {
      return cuts;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}
