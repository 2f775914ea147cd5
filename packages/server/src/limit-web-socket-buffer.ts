/**
 * Limits what the server buffers for WebSocket clients that read more slowly than events come. tRPC's adapter sends whatever there is, and
 * gives a subscription no way to wait.
 *
 * - **A watch waits.** Each message of a limited socket is handled in an async context that names the socket, so a watch finds it
 *   ({@link currentSocket}) and hands out its next event when the network has taken those before: as tRPC itself does over
 *   server-sent events.
 * - **Whatever else is sent** and would be too much closes the socket with 1013, behind what is buffered. tRPC's `wsLink` connects again by
 *   itself, and a watch goes on behind the last event that its client got.
 */
import { AsyncLocalStorage } from "node:async_hooks";

import { InvalidOption, wholeNumber } from "@raincheck/protocol";

/** What is needed of a socket of the `ws` package. */
export interface BufferingSocket {
  /** Bytes that were sent, and that the network has not taken. */
  readonly bufferedAmount: number;
  readonly readyState: number;
  send(...sent: never[]): void;
  close(code: number, reason: string): void;
  emit(event: string, ...values: never[]): boolean;
  once(event: "close", listener: () => void): unknown;
}

/** What is needed of a `WebSocketServer` of the `ws` package. */
export interface BufferingServer {
  readonly clients: Iterable<BufferingSocket>;
  on(event: "connection", listener: (socket: BufferingSocket) => void): unknown;
}

/** Options of {@link limitWebSocketBuffer}. */
export interface WebSocketLimits {
  /** What may be buffered for one client, in bytes, unless a single message is larger. Default 1 MB. */
  readonly maxBytes?: number | undefined;
}

/** A socket that is limited. */
export interface LimitedSocket {
  /** Resolves when the network has taken everything, the socket is closed, or the signal aborts. */
  taken(signal: AbortSignal): Promise<void>;
}

/** `ws.WebSocket.OPEN`. */
const open = 1;

/** "Try again later", of RFC 6455's registry. */
const tryAgainLater = 1013;

const sockets = new AsyncLocalStorage<LimitedSocket>();

/** The limited socket whose message is being handled; `undefined` where there is none. */
export function currentSocket(): LimitedSocket | undefined {
  return sockets.getStore();
}

/**
 * Limits what the server buffers for a WebSocket client that reads too slowly, or not at all: at most `maxBytes`, or one message if that is
 * larger. A watch waits for such a client; other subscriptions cannot, so they close its connection with code 1013, and tRPC's
 * `wsLink` makes a new one. Over server-sent events there is nothing to limit: tRPC waits for slow readers there.
 *
 * ```ts
 * const wss = new WebSocketServer({ server });
 * limitWebSocketBuffer(wss);
 * applyWSSHandler({ wss, router, createContext, keepAlive: { enabled: true } });
 * ```
 *
 * @throws {InvalidOption} when `maxBytes` is not a whole number above 0, or `server` is none.
 */
export function limitWebSocketBuffer(server: BufferingServer, { maxBytes = 1_000_000 }: WebSocketLimits = {}): void {
  wholeNumber(maxBytes, "maxBytes", { min: 1, max: Number.MAX_SAFE_INTEGER });
  if (typeof server?.on !== "function") throw new InvalidOption("server", server, "a WebSocketServer of the ws package");
  for (const socket of server.clients) limit(socket, maxBytes);
  server.on("connection", (socket) => limit(socket, maxBytes));
}

function limit(socket: BufferingSocket, maxBytes: number): void {
  const waiting = new Set<() => void>();
  const goOn = (): void => {
    for (const resolve of waiting) resolve();
  };
  socket.once("close", goOn);

  const send = socket.send.bind(socket) as (...sent: readonly unknown[]) => void;
  socket.send = (message: unknown, ...more: readonly unknown[]): void => {
    const told = more.at(-1);
    const tell = typeof told === "function" ? (told as (error?: Error) => void) : () => undefined;
    const buffered = socket.bufferedAmount;
    if (socket.readyState === open && buffered > 0 && buffered + bytesOf(message) > maxBytes) {
      socket.close(tryAgainLater, "Read faster, or connect again and go on.");
      queueMicrotask(() => tell(new Error("The client reads too slowly: it was closed with 1013.")));
      return;
    }
    send(message, typeof more[0] === "object" ? more[0] : {}, (error?: Error) => {
      if (socket.bufferedAmount === 0 || error !== undefined) goOn();
      tell(error);
    });
  };

  const limited: LimitedSocket = {
    taken: (signal) =>
      new Promise((resolve) => {
        if (socket.bufferedAmount === 0 || socket.readyState !== open || signal.aborted) return resolve();
        const done = (): void => {
          waiting.delete(done);
          signal.removeEventListener("abort", done);
          resolve();
        };
        waiting.add(done);
        signal.addEventListener("abort", done);
      }),
  };
  const emit = socket.emit.bind(socket) as (event: string, ...values: readonly unknown[]) => boolean;
  socket.emit = (event: string, ...values: readonly unknown[]) =>
    event === "message" ? sockets.run(limited, () => emit(event, ...values)) : emit(event, ...values);
}

function bytesOf(message: unknown): number {
  if (typeof message === "string") return Buffer.byteLength(message);
  const bytes: unknown = (message as { readonly byteLength?: unknown } | null | undefined)?.byteLength;
  return typeof bytes === "number" ? bytes : 0;
}
