/** The test router behind each transport that tRPC has, as disposable resources. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type TRPCLink,
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpSubscriptionLink,
  localLink,
  splitLink,
  wsLink,
} from "@trpc/client";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import { EventSource } from "eventsource";
import superjson from "superjson";
import { WebSocketServer } from "ws";
import { ScriptedCalls, type ScriptedRouter, scriptedRouter } from "./scripted-calls.ts";

/** How client and router are connected. */
export type Transport = "HTTP and SSE" | "WebSocket" | "in process" | "HTTP without subscriptions";

/** A script, and a tRPC client that reaches it. */
export interface Served extends AsyncDisposable {
  readonly script: ScriptedCalls;
  readonly links: TRPCLink<ScriptedRouter>[];
  readonly trpc: ReturnType<typeof createTRPCClient<ScriptedRouter>>;
  /** Paths and queries of the HTTP requests, in the order in which they came. */
  readonly requests: string[];
  /** Destroys every connection, as a broken network would. */
  cut(): void;
}

/** What a test may change of {@link serve}. */
export interface ServeOptions {
  readonly transport: Transport;
  /** With superjson on both sides. Default `false`. */
  readonly transformed?: boolean;
  /** Put before the transport's own links. */
  readonly before?: TRPCLink<ScriptedRouter>[];
  /** The longest URL that the server takes. Default: Node's own limit. */
  readonly maxUrlBytes?: number;
}

/** Serves a fresh script. */
export async function serve({ transport, transformed = false, before = [], maxUrlBytes }: ServeOptions): Promise<Served> {
  const script = new ScriptedCalls();
  const router = scriptedRouter(script, { transformed });
  // A router without a transformer refuses the option by its type.
  const transformer = (transformed ? { transformer: superjson } : {}) as { transformer?: never };
  const requests: string[] = [];
  const cleanup = new AsyncDisposableStack();

  const serveHttp = async (): Promise<{ server: Server; url: string }> => {
    const handler = createHTTPHandler({ router });
    const server = createServer((request, response) => {
      requests.push(request.url ?? "");
      if (maxUrlBytes !== undefined && (request.url ?? "").length > maxUrlBytes) response.writeHead(414).end();
      else handler(request, response);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    cleanup.defer(
      () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  };

  let cut = (): void => {};
  const linksOf = async (): Promise<TRPCLink<ScriptedRouter>[]> => {
    if (transport === "in process") return [localLink({ router, createContext: async () => ({}), ...transformer })];
    const { server, url } = await serveHttp();
    if (transport === "WebSocket") {
      const sockets = new WebSocketServer({ server });
      applyWSSHandler({ wss: sockets, router, createContext: () => ({}) });
      const client = createWSClient({ url: url.replace("http", "ws"), retryDelayMs: () => 1 });
      cut = () => {
        for (const socket of sockets.clients) socket.terminate();
      };
      cleanup.defer(async () => {
        await client.close();
        for (const socket of sockets.clients) socket.terminate();
        sockets.close();
      });
      return [wsLink({ client, ...transformer })];
    }
    cut = () => server.closeAllConnections();
    const batch = httpBatchLink<ScriptedRouter>({ url, ...transformer });
    if (transport === "HTTP without subscriptions") return [batch];
    const subscriptions = httpSubscriptionLink<ScriptedRouter, typeof EventSource>({
      url,
      ...transformer,
      EventSource,
      // The server names no reconnection time, and 3 s, the usual one, is long for a test.
      eventSourceOptions: { fetch: async (input, init) => reconnectingSoon(await fetch(input, init)) },
    });
    return [splitLink({ condition: ({ type }) => type === "subscription", true: subscriptions, false: batch })];
  };

  const links = [...before, ...(await linksOf())];
  return {
    script,
    links,
    trpc: createTRPCClient<ScriptedRouter>({ links }),
    requests,
    cut: () => cut(),
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}

function reconnectingSoon(response: Response): Response {
  if (response.body === null || !response.ok) return response;
  const retry = new TextEncoder().encode("retry: 1\n\n");
  const body = response.body.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({ start: (controller) => controller.enqueue(retry) }));
  const { status, headers } = response;
  const soon = new Response(body, { status, headers });
  Object.defineProperties(soon, { url: { value: response.url }, redirected: { value: response.redirected } });
  return soon;
}
