import type { AddressInfo } from "node:net";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { appRouter, engine } from "./raincheck.ts";

await engine.start();
const server = createHTTPServer({ router: appRouter, createContext: () => ({}) });
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));

process.once("disconnect", async () => {
  server.close();
  server.closeAllConnections();
  await engine.stop();
});
