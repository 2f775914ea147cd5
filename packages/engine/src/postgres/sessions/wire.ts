import { Socket, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Where postgres.js wants to be connected to. */
export interface SocketTarget {
  readonly host: readonly string[];
  readonly port: readonly number[];
  /** Of a Unix socket; `false` or empty without one. */
  readonly path?: string | false;
}

/** How long a connection that was told goodbye is waited for, in milliseconds. It keeps no process alive. */
const farewellMs = 1_000;

/**
 * The wire of one session. It connects the first time, and gives every further time a socket that closes at once: postgres.js rejects
 * what waits for a connection only when one has closed under it. Nor is the first one waited for; what is written before it is
 * connected is kept.
 *
 * @param silence.limitMs how long a session that is in use may hear and say nothing before it is judged, and judged again.
 * @param silence.judge the error to destroy it with; `null`: it is waited for.
 */
export function wireOnce(silence: {
  readonly limitMs: number;
  readonly judge: (silentMs: number) => Promise<Error | null>;
  readonly destroy: (error: Error) => void;
}) {
  let socket: Socket | null = null;
  let isInUse = false;
  let isDestroyed = false;

  function watchSilence(watched: Socket): void {
    watched.setTimeout(isInUse ? silence.limitMs : 0);
  }

  async function judgeSilence(watched: Socket): Promise<void> {
    const readBefore = watched.bytesRead;
    const writtenBefore = watched.bytesWritten;
    const isSilent = () => isInUse && !isDestroyed && watched.bytesRead === readBefore && watched.bytesWritten === writtenBefore;
    // When the event loop was held, the timer is late and so is what has come meanwhile: it is read before this goes on.
    await new Promise((resolve) => setImmediate(resolve));
    for (let silentMs = silence.limitMs; isSilent(); silentMs += silence.limitMs) {
      const error = await silence.judge(silentMs);
      if (error !== null && isSilent()) return silence.destroy(error);
      if (isSilent()) await sleep(silence.limitMs, undefined, { ref: false });
    }
    watchSilence(watched);
  }

  return {
    async connect({ host, port, path }: SocketTarget): Promise<Socket> {
      if (socket !== null || isDestroyed) {
        const refused = new Socket();
        setImmediate(() => refused.destroy(connectionError("CONNECTION_CLOSED")));
        return refused;
      }
      const opened = typeof path === "string" && path !== "" ? connect(path) : connect(port[0] ?? 5432, host[0]);
      socket = opened;
      opened.on("timeout", () => void judgeSilence(opened));
      watchSilence(opened);
      // postgres.js takes the name that a certificate must have from here.
      return Object.assign(opened, { host: host[0], port: port[0] });
    },
    watch(inUse: boolean): void {
      isInUse = inUse;
      if (socket !== null) watchSilence(socket);
    },
    farewell(): void {
      socket?.unref().setTimeout(farewellMs, () => socket?.destroy());
    },
    destroy(): void {
      isDestroyed = true;
      socket?.destroy();
    },
  };
}

const sentences = {
  CONNECTION_CLOSED: "The session's connection has closed.",
  CONNECTION_ENDED: "The sessions were ended.",
  CONNECTION_SILENT: "The session's connection has gone silent.",
} as const;

/** What a statement rejects with when its connection cannot answer. */
export function connectionError(code: keyof typeof sentences): Error {
  return Object.assign(new Error(sentences[code]), { code });
}
