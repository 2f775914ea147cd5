import { type Socket, connect } from "node:net";

/** What a client is told. */
export interface SseListener {
  /** The id of the last event that it has. */
  readonly after?: string;
  /** The server has taken the subscription. */
  readonly opened?: () => void;
  /** The `data` of an event, as it was sent. */
  readonly event?: (data: string) => void;
  /** The server has completed the subscription. */
  readonly completed?: () => void;
  /** The connection is gone, and the client did not close it. */
  readonly lost?: () => void;
}

/** A client of server-sent events that costs next to nothing: there are thousands of them in the process that measures. */
export class SseClient {
  readonly #socket: Socket;
  #closed = false;
  #unread = "";
  #event = "message";

  /** @param path with its query. */
  constructor(port: number, path: string, listener: SseListener) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    const resume = listener.after === undefined ? "" : `last-event-id: ${listener.after}\r\n`;
    this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: bench\r\naccept: text/event-stream\r\n${resume}\r\n`);
    this.#socket.on("data", (bytes) => this.#read(bytes.toString("latin1"), listener));
    this.#socket.on("error", () => undefined);
    this.#socket.on("close", () => {
      if (!this.#closed) listener.lost?.();
      this.#closed = true;
    });
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  /** tRPC writes a line at a time, each a chunk of its own: what stands between chunks looks like no line of an event. */
  #read(text: string, listener: SseListener): void {
    const lines = (this.#unread + text).split("\n");
    this.#unread = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("event: ")) this.#event = line.slice("event: ".length).trimEnd();
      else if (line.startsWith("data: ")) {
        const event = this.#event;
        this.#event = "message";
        if (event === "connected") listener.opened?.();
        else if (event === "message") listener.event?.(line.slice("data: ".length));
        else if (event === "return") {
          this.#closed = true;
          listener.completed?.();
          this.#socket.destroy();
        }
      }
    }
  }
}

/** The path of a watch of some calls, or of another subscription with the same input. */
export function watchPath(calls: readonly { readonly id: string; readonly after?: number }[], path = "calls.watch"): string {
  return `/${path}?input=${encodeURIComponent(JSON.stringify({ calls }))}`;
}

/**
 * Opens many clients, so many at a time, and waits until each is open and was told something.
 *
 * @param connectOne makes one; `told` is to be called with its first event.
 */
export async function openMany(
  count: number,
  connectOne: (index: number, told: () => void) => SseClient,
  atOnce = 100,
): Promise<SseClient[]> {
  const clients: SseClient[] = [];
  for (let from = 0; from < count; from += atOnce) {
    await Promise.all(
      Array.from(
        { length: Math.min(atOnce, count - from) },
        (_, index) => new Promise<void>((resolve) => clients.push(connectOne(from + index, resolve))),
      ),
    );
  }
  return clients;
}
