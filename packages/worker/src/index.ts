export { type Worker, runWorker } from "./run-worker.ts";
export { type WorkerOptions, workerDefaults } from "./worker-options.ts";
export type { WorkerStatus } from "./worker-status.ts";
export { type AttemptOutcome, attemptOutcomes } from "./attempt-outcome.ts";
export {
  type AttemptLabel,
  type OnWorkerError,
  type WorkerErrorContext,
  type WorkerLog,
  type WorkerLogEntry,
  type WorkerLogEvent,
  type WorkerLogLevel,
  logToConsole,
} from "./worker-log.ts";
export { type WorkerLayerOptions, workerLayer } from "./worker-layer.ts";
