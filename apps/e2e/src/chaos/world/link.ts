/** A TCP connection's way between two parts of the system, through this process, which can lose what goes over it. */
import { type AddressInfo, type Socket, connect, createServer } from "node:net";

/** A running link. Disposing cuts its connections and closes it. */
export interface Link extends AsyncDisposable {
  readonly name: string;
  /** Where to connect instead of the target. */
  readonly port: number;
  /** Where it leads; null: every connection is refused. */
  target: number | null;
  /** Nothing passes from now on, and nothing is closed. */
  freeze(): void;
  /** What was held passes. */
  thaw(): void;
  /** Cuts every connection now. */
  cutAll(): void;
  /** Cuts the connection over which the target sends the byte that is `bytes` away, in the middle of whatever it says. */
  cutAfter(bytes: number): void;
  /** Loses the answer to the next COMMIT, and its connection. Resolves with whether there was one before `signal` aborts. */
  loseCommitAnswer(signal: AbortSignal): Promise<boolean>;
}

/** What a link tells its owner. */
export interface LinkOptions {
  readonly name: string;
  readonly target: number | null;
  /** The first connection after a cut, with the time of the cut. */
  readonly onReconnect?: (cutAt: number) => void;
}

/** Opens a link on a port of its own. */
export async function openLink({ name, target, onReconnect = () => undefined }: LinkOptions): Promise<Link> {
  const sockets = new Set<Socket>();
  const commitTraps: { sprung: () => void }[] = [];
  let cutAt: number | null = null;
  let bytesToCut: number | null = null;
  let frozen = false;

  const server = createServer((client) => {
    if (link.target === null) return void client.destroy();
    if (cutAt !== null) {
      onReconnect(cutAt);
      cutAt = null;
    }
    const upstream = connect(link.target, "127.0.0.1");
    let answerIsLost: (() => void) | null = null;
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
    const write = (to: Socket, from: Socket, bytes: Buffer): void => {
      if (to.write(bytes)) return;
      // The other side is held back while this one is slow.
      from.pause();
      to.once("drain", () => frozen || from.resume());
    };
    client.on("data", (bytes) => {
      if (commitTraps.length > 0 && /\bcommit\b/i.test(bytes.toString("latin1"))) answerIsLost = commitTraps.shift()!.sprung;
      write(upstream, client, bytes);
    });
    upstream.on("data", (bytes) => {
      if (answerIsLost !== null) {
        client.destroy();
        return answerIsLost();
      }
      if (bytesToCut !== null && (bytesToCut -= bytes.length) < 0) {
        const told = bytes.subarray(0, bytes.length + bytesToCut);
        bytesToCut = null;
        cutAt = Date.now();
        return void client.end(told, () => client.destroy());
      }
      write(client, upstream, bytes);
    });
    if (frozen) for (const socket of [client, upstream]) socket.pause();
  });
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(0, "127.0.0.1", listening);
  });

  const link: Link = {
    name,
    port: (server.address() as AddressInfo).port,
    target,
    freeze() {
      frozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw() {
      frozen = false;
      for (const socket of sockets) socket.resume();
    },
    cutAll() {
      if (sockets.size > 0) cutAt ??= Date.now();
      for (const socket of sockets) socket.destroy();
    },
    cutAfter: (bytes) => void (bytesToCut = bytes),
    loseCommitAnswer: (signal) =>
      new Promise((resolve) => {
        const trap = { sprung: () => resolve(true) };
        commitTraps.push(trap);
        signal.addEventListener("abort", () => {
          const index = commitTraps.indexOf(trap);
          if (index >= 0) commitTraps.splice(index, 1);
          resolve(false);
        });
      }),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
  return link;
}
