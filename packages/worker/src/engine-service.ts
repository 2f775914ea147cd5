/**
 * The one bridge from the engine's promises to Effect. Every rejection becomes one of two typed errors, and they are all that the
 * rest of the worker knows of an engine's troubles:
 *
 * - {@link EngineUnavailable}: nothing is known of the act; doing it again is safe, and right.
 * - {@link EngineRefused}: the engine answered with something else. Doing the same again may never help.
 */
import {
  type AttemptRef,
  type ClaimRequest,
  type ClaimedCall,
  type Engine,
  EngineUnavailable,
  type Heartbeat,
  type LostAttempt,
  type Payload,
  type SettleResult,
  type Settlement,
  type Yields,
} from "@raincheck/engine";
import { hasTag } from "@raincheck/protocol";
import * as Context from "effect/Context";
import * as Data from "effect/Data";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Schedule from "effect/Schedule";
import { Telemetry } from "./telemetry.ts";
import type { WorkerSettings } from "./worker-options.ts";

/** The engine rejected an act with something other than `EngineUnavailable`. */
export class EngineRefused extends Data.TaggedError("EngineRefused")<{
  readonly message: string;
  readonly act: string;
  readonly cause: unknown;
}> {}

/** What may go wrong with an act of the engine. */
export type EngineFault = EngineUnavailable | EngineRefused;

/**
 * Waits between the tries of an act of the engine: from 100 milliseconds, doubling, with jitter, to half a second; for ever. No longer, because
 * results that were kept must be settled soon after an outage, and an engine that knows of its outage refuses at once.
 */
export const engineBackoff = Schedule.exponential("100 millis", 2).pipe(
  Schedule.jittered,
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.millis(500)))),
);

const noHeartbeat: Heartbeat = { hold: () => () => {}, beat: () => {}, extendedAgoMs: () => null, close: async () => {} };

/** The part of the engine that a worker needs. */
export class EngineService extends Context.Service<
  EngineService,
  {
    /** Opens the engine; an outage is not an error here, every verb tries again. Fails with what the engine's set-up threw. */
    readonly start: Effect.Effect<void, unknown>;
    readonly claim: (request: Pick<ClaimRequest, "limit" | "withheld" | "capped">) => Effect.Effect<readonly ClaimedCall[], EngineFault>;
    /** See `Engine.vouch`. It is done again before long, so what fails is left. */
    readonly vouch: (knows: (path: string) => Promise<boolean>) => Effect.Effect<void>;
    readonly extend: (attempts: readonly AttemptRef[]) => Effect.Effect<readonly LostAttempt[], EngineFault>;
    readonly report: (attempt: AttemptRef, progress: Payload) => Effect.Effect<SettleResult, EngineFault>;
    readonly append: (attempt: AttemptRef, yields: Yields) => Effect.Effect<SettleResult, EngineFault>;
    readonly settle: (attempt: AttemptRef, settlement: Settlement) => Effect.Effect<SettleResult, EngineFault>;
    /** Whether the ledger has the call as succeeded by this very attempt. */
    readonly hasSucceeded: (call: ClaimedCall) => Effect.Effect<boolean, EngineFault>;
    /** See `Engine.subscribe`; returns how to unsubscribe. Never throws. */
    readonly watchCall: (id: string, wake: () => void) => () => void;
    /** See `Engine.onRunnable`; returns how to unsubscribe. Never throws. */
    readonly watchQueues: (wake: () => void) => () => void;
    /** See `Engine.heartbeat`; one that does nothing where the engine has none, or it is not wanted. Never throws. */
    readonly startHeartbeat: () => Heartbeat;
    /** Whether its last answer was an answer. */
    readonly isAvailable: () => boolean;
  }
>()("@raincheck/worker/EngineService") {
  /** The engine of these settings. */
  static readonly layer = (settings: WorkerSettings): Layer.Layer<EngineService, never, Telemetry> =>
    Layer.effect(EngineService, makeEngineService(settings));
}

const makeEngineService = Effect.fnUntraced(function* (settings: WorkerSettings) {
  const { name: worker, queues, leaseMs } = settings;
  const engine: Engine = settings.runtime.engine;
  const telemetry = yield* Telemetry;
  let failuresInARow = 0;

  const succeeded = <TValue>(value: TValue): TValue => {
    if (failuresInARow === 0) return value;
    telemetry.log({ level: "info", event: "engine-recovered", message: "The engine answers again.", facts: { failures: failuresInARow } });
    failuresInARow = 0;
    return value;
  };

  const toFault = (act: string, cause: unknown): EngineFault => {
    const unavailable = hasTag(cause, "EngineUnavailable");
    if (unavailable) failuresInARow += 1;
    if (!unavailable || failuresInARow === 1) {
      const message = unavailable ? `The engine is unavailable (${act}); trying again.` : `The engine refused to ${act}.`;
      telemetry.log({ level: unavailable ? "warn" : "error", event: unavailable ? "engine-unavailable" : "fault", message, error: cause });
    }
    if (!unavailable) return new EngineRefused({ message: `The engine refused to ${act}.`, act, cause });
    return new EngineUnavailable(act, cause);
  };

  const bridge = <TValue>(act: string, verb: () => Promise<TValue>): Effect.Effect<TValue, EngineFault> =>
    Effect.tryPromise({ try: () => verb().then(succeeded), catch: (cause) => toFault(act, cause) });

  const watch = (subscribe: () => () => void): (() => void) => {
    try {
      return subscribe();
    } catch (error) {
      // A wake is a hint: without it, the poll and the lease keeper find the same a little later.
      telemetry.log({ level: "warn", event: "fault", message: "The engine gives no wakes.", error });
      return () => {};
    }
  };

  return EngineService.of({
    start: Effect.catch(Effect.tryPromise({ try: () => engine.start(), catch: (cause) => cause }), (cause) =>
      hasTag(cause, "EngineUnavailable") ? Effect.sync(() => void toFault("start", cause)) : Effect.fail(cause),
    ),
    claim: (request) => bridge("claim", () => engine.claim({ worker, queues, leaseMs, ...request })),
    vouch: (knows) => Effect.ignore(Effect.tryPromise(() => engine.vouch({ queues, knows, giveUpAfterMs: settings.unknownProcedureMs }))),
    extend: (attempts) => bridge("extend", () => engine.extend(attempts, leaseMs)),
    report: (attempt, progress) => bridge("report", () => engine.report(attempt, progress)),
    append: (attempt, yields) => bridge("append", () => engine.append(attempt, yields)),
    settle: (attempt, settlement) => bridge("settle", () => engine.settle(attempt, settlement)),
    hasSucceeded: ({ id, attempt, principal }) =>
      Effect.map(
        bridge("read", () => engine.read(id, { principal })),
        (record) => record?.state === "succeeded" && record.attempt === attempt,
      ),
    watchCall: (id, wake) => watch(() => engine.subscribe(id, wake)),
    watchQueues: (wake) => watch(() => engine.onRunnable(queues, wake)),
    startHeartbeat: () => {
      try {
        const { heartbeatMs: limitMs, concurrency: attempts } = settings;
        if (limitMs > 0 && engine.heartbeat !== undefined) return engine.heartbeat({ leaseMs, limitMs, attempts });
      } catch (error) {
        telemetry.log({ level: "warn", event: "fault", message: "The engine gives no heartbeat.", error });
      }
      return noHeartbeat;
    },
    isAvailable: () => failuresInARow === 0,
  });
});
