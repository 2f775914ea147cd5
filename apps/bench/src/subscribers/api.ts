/** The API of the benchmarks of subscribers; its parent asks it things over the channel between them. */
import type { AddressInfo } from "node:net";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { collectedMemory } from "../collected-memory.ts";
import type { Answer, Question } from "./api-process.ts";
import { appRouter, asked, engine, raincheck, tick } from "./raincheck.ts";

await engine.start();
const server = createHTTPServer({ router: appRouter, createContext: () => ({}) });
server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1", 8_192, () => process.send?.({ port: (server.address() as AddressInfo).port }));

process.on("message", ({ number, ...question }: Question & { readonly number: number }) => {
  void answer(question).then((told) => process.send?.({ number, told }));
});

async function answer(question: Question): Promise<Answer> {
  switch (question.type) {
    case "memory":
      return { ...(await collectedMemory()), ids: [], events: asked.events };
    case "start": {
      const handles = await Promise.all(
        Array.from({ length: question.count }, () => raincheck.start(appRouter.held, undefined, { ctx: {} })),
      );
      return { heapBytes: 0, rssBytes: 0, ids: handles.map(({ id }) => id), events: asked.events };
    }
    case "reads":
      return { heapBytes: 0, rssBytes: 0, ids: [], events: asked.events };
    case "tick":
      tick();
      return { heapBytes: 0, rssBytes: 0, ids: [], events: asked.events };
    default:
      return question satisfies never;
  }
}

process.once("disconnect", async () => {
  server.close();
  server.closeAllConnections();
  await engine.stop();
});
