import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Metric from "effect/Metric";
import { type AttemptOutcome, attemptOutcomes } from "./attempt-outcome.ts";
import type { OnWorkerError, WorkerLog, WorkerLogEntry } from "./worker-log.ts";

/**
 * The worker's log, counts and metrics. Its methods are plain functions, because wakes, signals and promises call them from
 * outside of any fiber. They never throw.
 */
export class Telemetry extends Context.Service<
  Telemetry,
  {
    /** Writes a log entry; an entry of level `error` with an error goes to `onError` too. */
    readonly log: (entry: Omit<WorkerLogEntry, "worker">) => void;
    /** Counts the end of an attempt. */
    readonly countOutcome: (outcome: AttemptOutcome, tookMs: number) => void;
    /** Shows how many attempts hold a slot. */
    readonly showRunning: (count: number) => void;
    /** Shows how many resolvers still run although their attempt is over. */
    readonly showAbandoned: (count: number) => void;
    /** Shows by how much the event loop was late. */
    readonly showLag: (lagMs: number) => void;
    /** The attempts that have ended so far, by outcome. */
    readonly outcomes: () => Readonly<Record<AttemptOutcome, number>>;
  }
>()("@raincheck/worker/Telemetry") {
  /** Telemetry for one worker. Metrics go to Effect's registry of the process, under the worker's name. */
  static readonly layer = (options: {
    readonly name: string;
    readonly log: WorkerLog;
    readonly onError: OnWorkerError | null;
  }): Layer.Layer<Telemetry> => Layer.effect(Telemetry, makeTelemetry(options));
}

const makeTelemetry = Effect.fnUntraced(function* (options: {
  readonly name: string;
  readonly log: WorkerLog;
  readonly onError: OnWorkerError | null;
}) {
  const { name: worker, onError } = options;
  const context = yield* Effect.context<never>();
  const counts: Record<AttemptOutcome, number> = {
    succeeded: 0,
    failed: 0,
    "timed-out": 0,
    "handed-back": 0,
    cancelled: 0,
    expired: 0,
    lost: 0,
    stale: 0,
    unsettled: 0,
  };
  const attributes = { worker };
  const running = Metric.gauge("raincheck_attempts_running", { attributes });
  const abandoned = Metric.gauge("raincheck_resolvers_abandoned", { attributes });
  const lag = Metric.gauge("raincheck_event_loop_lag_ms", { attributes });
  const took = Metric.histogram("raincheck_attempt_ms", { attributes, boundaries: [1, 5, 20, 100, 500, 2_000, 10_000, 60_000, 600_000] });
  const ended = new Map(
    attemptOutcomes.map((outcome) => [
      outcome,
      Metric.counter("raincheck_attempts", { attributes: { worker, outcome }, incremental: true }),
    ]),
  );
  return Telemetry.of({
    log: (entry) => {
      const complete = { ...entry, worker };
      guard(() => options.log(complete));
      if (onError !== null && entry.level === "error" && entry.error !== undefined) {
        const { call, errorId, error } = entry;
        guard(() => onError(error, { worker, ...(call !== undefined && { call }), ...(errorId !== undefined && { errorId }) }));
      }
    },
    countOutcome: (outcome, tookMs) => {
      counts[outcome] += 1;
      ended.get(outcome)?.updateUnsafe(1, context);
      took.updateUnsafe(tookMs, context);
    },
    showRunning: (count) => running.updateUnsafe(count, context),
    showAbandoned: (count) => abandoned.updateUnsafe(count, context),
    showLag: (lagMs) => lag.updateUnsafe(lagMs, context),
    outcomes: () => ({ ...counts }),
  });
});

/** Runs what the application gave: its fault must not become ours. */
function guard(act: () => void): void {
  try {
    act();
  } catch {
    // There is nowhere left to tell it: this was the log.
  }
}
