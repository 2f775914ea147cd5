/** The API process under fire. Its engine starts with the first request. It ends when the channel to its starter closes. */
import { flushCompileCache } from "node:module";
import type { AddressInfo } from "node:net";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { appRouter, engine } from "./raincheck.ts";
import { environment } from "./work.ts";

const server = createHTTPServer({
  router: appRouter,
  createContext: ({ req }) => ({ user: String(req.headers["x-user"] ?? "") }),
});
flushCompileCache();
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));

const heapEachMs = 1_000;
const sampling = setInterval(() => {
  globalThis.gc?.();
  environment.note({ kind: "heap", bytes: process.memoryUsage().heapUsed });
}, heapEachMs);

process.once("disconnect", async () => {
  clearInterval(sampling);
  server.close();
  server.closeAllConnections();
  await engine.stop();
});
