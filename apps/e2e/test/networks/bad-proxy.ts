/** A TCP proxy as one meets them between browsers and servers: it holds bytes back, cuts who says nothing, or loses everything. */
import type { Socket } from "node:net";
import { openRelay } from "../../../../tooling/vitest/tcp-relay.ts";

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
  const silenced = new Set<Socket>();
  const relay = await openRelay({
    target: { host: "127.0.0.1", port: target },
    // Who is silenced does not hear of the other's end either.
    hearsOfTheEnd: (socket) => !silenced.has(socket),
    join({ client, upstream }) {
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
    },
  });
  return {
    port: relay.port,
    get connections() {
      return relay.connections;
    },
    silenceAll: () => relay.sockets.forEach((socket) => silenced.add(socket)),
    cutAll: relay.cutAll,
    async [Symbol.asyncDispose]() {
      silenced.clear();
      await relay.stop();
    },
  };
}
