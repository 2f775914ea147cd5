import { runWorker } from "@raincheck/worker";
import { engine, raincheck } from "./raincheck.ts";

const worker = await runWorker({ raincheck, signals: false, concurrency: Number(process.env["CONCURRENCY"] ?? 16) });
process.send?.({ ready: true });

process.once("disconnect", async () => {
  await worker.stop();
  await engine.stop();
});
