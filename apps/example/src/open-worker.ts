import { type Worker, runWorker } from "@raincheck/worker";
import { raincheck } from "./raincheck.ts";
// Binds the procedures that the attempts run.
import "./router.ts";
import { processName } from "./settings.ts";

/** Runs calls until it is disposed of. */
export function openWorker(): Promise<Worker> {
  return runWorker({
    raincheck,
    name: processName,
    concurrency: 4,
    // How long the calls of a worker that died wait before another runs them.
    lease: "4 seconds",
    shutdownGrace: "2 seconds",
    // `runPart()` hears them, for API and worker alike.
    signals: false,
  });
}
