/** A worker process under fire. It ends by SIGTERM, as in production, or when the channel to its starter closes. */
import { flushCompileCache } from "node:module";
import { runWorker } from "@raincheck/worker";
import { engine, raincheck } from "./raincheck.ts";
import "./replies.ts";
import { environment } from "./work.ts";

const worker = await runWorker({
  raincheck,
  concurrency: environment.concurrency,
  shutdownGrace: "2 seconds",
  lease: `${environment.leaseMs} millis`,
  name: environment.name,
  log: ({ event, call }) => {
    if (event === "result-stale" && call !== undefined) environment.note({ kind: "fenced", id: call.id, attempt: call.attempt });
  },
});
flushCompileCache();
process.send?.({ ready: true });
// The channel must not keep a worker alive that has stopped.
process.channel?.unref();

process.once("disconnect", async () => {
  await worker.stop();
  await engine.stop();
});
