/** The API: one server for HTTP and for WebSocket. */
import type { AddressInfo } from "node:net";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import { WebSocketServer } from "ws";
import { appRouter, engine } from "./raincheck.ts";

await engine.start();
const server = createHTTPServer({ router: appRouter, createContext: () => ({}) });
const webSockets = new WebSocketServer({ server });
applyWSSHandler({ wss: webSockets, router: appRouter, createContext: () => ({}) });
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));

process.once("disconnect", async () => {
  for (const client of webSockets.clients) client.terminate();
  webSockets.close();
  server.close();
  server.closeAllConnections();
  await engine.stop();
});
