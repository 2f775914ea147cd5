import * as Cause from "effect/Cause";
import type * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import type { WorkerLog, WorkerLogLevel } from "./worker-log.ts";

const severities = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const satisfies Record<WorkerLogLevel, string>;

/** A log that goes to the loggers of an Effect program: the event, the call and the facts become annotations, the error a cause. */
export function logToEffect(context: Context.Context<never>): WorkerLog {
  const run = Effect.runForkWith(context);
  return ({ level, event, message, worker, call, errorId, error, facts }) => {
    const details = error === undefined ? [message] : [message, Cause.fail(error)];
    const annotations = { worker, event, ...call, ...(errorId !== undefined && { errorId }), ...facts };
    run(Effect.annotateLogs(Effect.logWithLevel(severities[level])(...details), annotations));
  };
}
