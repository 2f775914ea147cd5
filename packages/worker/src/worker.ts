/** The worker as an Effect program: its parts, put together. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as FiberSet from "effect/FiberSet";
import * as Latch from "effect/Latch";
import * as Layer from "effect/Layer";
import type * as Scope from "effect/Scope";
import { AbandonedResolvers } from "./abandoned-resolvers.ts";
import { makeAttemptRunner } from "./attempt.ts";
import { makeClaimLoop } from "./claim-loop.ts";
import { EngineService } from "./engine-service.ts";
import { FailingProcedures } from "./failing-procedures.ts";
import { KnownProcedures } from "./known-procedures.ts";
import { makeLeaseKeeper } from "./lease-keeper.ts";
import { monotonicClock } from "./monotonic-clock.ts";
import { RunningAttempts } from "./running-attempts.ts";
import { shutDown } from "./shutdown.ts";
import { Telemetry } from "./telemetry.ts";
import { makeTimeLimits } from "./time-limits.ts";
import { vouchForKnown } from "./vouch-for-known.ts";
import { WebhookSlots } from "./webhook-slots.ts";
import type { WorkerSettings } from "./worker-options.ts";
import type { WorkerStatus } from "./worker-status.ts";

/** A worker that runs until the scope that it was started in closes. */
export interface ScopedWorker {
  readonly status: () => WorkerStatus;
  /** Makes a stop under way, or the next one, skip the rest of its grace. */
  readonly hurry: () => void;
}

/** The services of a worker with these settings. */
export function workerServices(settings: WorkerSettings): Layer.Layer<EngineService | Telemetry> {
  return Layer.provideMerge(EngineService.layer(settings), Telemetry.layer(settings));
}

/**
 * Starts a worker; the scope's close is its graceful stop. Fails with what the engine's set-up threw. An engine that is merely
 * unavailable is waited for.
 */
export const startWorker: (settings: WorkerSettings) => Effect.Effect<ScopedWorker, unknown, EngineService | Telemetry | Scope.Scope> =
  Effect.fnUntraced(function* (settings: WorkerSettings) {
    const { concurrency, leaseMs, runtime, queues } = settings;
    const engine = yield* EngineService;
    const telemetry = yield* Telemetry;
    yield* engine.start;

    const now = yield* monotonicClock;
    const supervised = superviseWith(telemetry);
    const hurry = Latch.makeUnsafe(false);
    let state: WorkerStatus["state"] = "running";

    const running: RunningAttempts = new RunningAttempts({ onSlotFree: () => claimLoop.slotFreed(), onCount: telemetry.showRunning });
    const abandoned = new AbandonedResolvers({ limit: concurrency, now, telemetry });
    const heartbeat = engine.startHeartbeat();
    yield* Effect.addFinalizer(() => Effect.promise(() => heartbeat.close().catch(() => undefined)));
    const keeper = yield* makeLeaseKeeper({ leaseMs, running, abandoned, heartbeat, now });

    // Its scope closes after the shutdown below, and ends what that has left.
    const fibers = yield* FiberSet.make<void>();
    const fork = yield* FiberSet.runtime(fibers)<EngineService | Telemetry>();
    const { unknownProcedureMs } = settings;
    const procedures = new KnownProcedures({ runtime, now, giveUpAfterMs: unknownProcedureMs });
    const failing: FailingProcedures = new FailingProcedures({ now, onRecovered: () => claimLoop.wake() });
    const limits = makeTimeLimits({ running, now });
    const runAttempt = yield* makeAttemptRunner({
      runtime,
      procedures,
      failing,
      unknownProcedureMs,
      running,
      abandoned,
      keeper,
      limits,
      heartbeat,
      now,
      fork,
    });
    const claimLoop = yield* makeClaimLoop({
      concurrency,
      running,
      now,
      procedures,
      failing,
      webhooks: new WebhookSlots({ queues: settings.webhookQueues, concurrency, running }),
      start: (attempt) => void fork(supervised("attempt", runAttempt(attempt))),
      isOpen: () => state === "running",
    });

    yield* Effect.forkScoped(supervised("lease keeper", keeper.run));
    yield* Effect.forkScoped(supervised("time limits", limits.run));
    yield* Effect.forkScoped(supervised("voucher", vouchForKnown({ engine, procedures, giveUpAfterMs: unknownProcedureMs })));
    // Detached, because a claim in flight cannot be interrupted, and one that hangs must not hold up the stop: the shutdown ends it.
    const claiming = yield* Effect.forkDetach(supervised("claim loop", claimLoop.run));

    const stop = Effect.gen(function* () {
      state = "stopping";
      telemetry.log({
        level: "info",
        event: "worker-stopping",
        message: "The worker takes no more calls.",
        facts: { running: running.size },
      });
      const facts = yield* shutDown({ graceMs: settings.shutdownGraceMs, hurry, running, claiming });
      state = "stopped";
      telemetry.log({ level: "info", event: "worker-stopped", message: "The worker has stopped.", facts });
    });
    // In a fiber of its own: a finalizer cannot be interrupted, so what the shutdown gives up waiting for would hold it for ever.
    yield* Effect.addFinalizer(() => Effect.flatMap(Effect.forkDetach(supervised("shutdown", stop)), Fiber.await));

    telemetry.log({
      level: "info",
      event: "worker-started",
      message: `The worker takes up to ${concurrency} calls at once.`,
      facts: { concurrency, queues, leaseMs },
    });
    return {
      status: () => ({
        state,
        running: running.size,
        abandoned: abandoned.size,
        isEngineAvailable: engine.isAvailable(),
        outcomes: telemetry.outcomes(),
      }),
      hurry: () => void hurry.openUnsafe(),
    };
  });

/** A forked fiber dies in silence; none of ours may. */
function superviseWith(telemetry: Telemetry["Service"]) {
  return <TValue, TError, TNeeded>(part: string, effect: Effect.Effect<TValue, TError, TNeeded>): Effect.Effect<TValue, TError, TNeeded> =>
    Effect.tapCause(effect, (cause) =>
      Effect.sync(() => {
        if (Cause.hasInterruptsOnly(cause)) return;
        telemetry.log({ level: "error", event: "fault", message: `A part of the worker has died: ${part}.`, error: Cause.squash(cause) });
      }),
    );
}
