import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import type { AnyTRPCRouter } from "@trpc/server";
import type { IncomingMessage } from "node:http";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import { WebSocketServer } from "ws";

/** A router over HTTP and WebSocket on one port of the loopback. */
export interface TestServer extends AsyncDisposable {
  readonly http: string;
  readonly ws: string;
  /** Ends every connection as a network would, without the server's farewell. */
  readonly cutConnections: () => void;
}

/** Serves a router; `createContext` gets the request. */
export async function serveRouter<TRouter extends AnyTRPCRouter>(
  router: TRouter,
  options: {
    readonly createContext: (request: IncomingMessage) => object;
    readonly responseMeta?: Parameters<typeof createHTTPServer>[0]["responseMeta"];
  },
): Promise<TestServer> {
  const server = createHTTPServer({
    router: router as AnyTRPCRouter,
    createContext: ({ req }) => options.createContext(req) as never,
    ...(options.responseMeta === undefined ? {} : { responseMeta: options.responseMeta }),
  });
  const wss = new WebSocketServer({ server });
  applyWSSHandler({ wss, router: router as AnyTRPCRouter, createContext: ({ req }) => options.createContext(req) as never });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    http: `http://127.0.0.1:${port}`,
    ws: `ws://127.0.0.1:${port}`,
    cutConnections() {
      for (const client of wss.clients) client.terminate();
      server.closeAllConnections();
    },
    async [Symbol.asyncDispose]() {
      for (const client of wss.clients) client.terminate();
      wss.close();
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
