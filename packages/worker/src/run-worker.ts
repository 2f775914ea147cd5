import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { type StopSignal, listenForStop, raiseAgain } from "./stop-signals.ts";
import { type WorkerOptions, resolveWorkerOptions } from "./worker-options.ts";
import type { WorkerStatus } from "./worker-status.ts";
import { startWorker, workerServices } from "./worker.ts";

/** A running worker. It keeps the process alive until it has stopped. */
export interface Worker extends AsyncDisposable {
  /** Its name in the ledger and in logs. */
  readonly name: string;
  /** How it is doing, for a health check. */
  status(): WorkerStatus;
  /**
   * Takes no more calls, lets running attempts finish within the grace, hands the rest back without spending an attempt, and resolves
   * within the grace and a second, whether the engine answers or not. Called again before that, it skips the rest of the grace.
   * Never rejects. The engine stays open: it is the application's.
   */
  stop(): Promise<void>;
}

/** The longest delay of a timer. */
const longestTimerMs = 2 ** 31 - 1;
/** How long after the grace a process that was asked to end by a signal does end. */
const lastMomentsMs = 900;
/** The part of that which the engine has at least, to close. */
const engineStopMs = 400;

/**
 * Runs the deferred calls of a raincheck, until it is stopped. Resolves when the engine is open; one that is merely unavailable
 * is waited for in the background.
 *
 * @throws {InvalidOption} when an option is not as {@link WorkerOptions} says.
 * @throws {EngineSetupError} when the engine cannot start as it is set up.
 */
export async function runWorker(options: WorkerOptions): Promise<Worker> {
  const settings = resolveWorkerOptions(options);
  const scope = Scope.makeUnsafe();
  const started = await Effect.runPromiseExit(startWorker(settings).pipe(Effect.provide(workerServices(settings)), Scope.provide(scope)));
  if (Exit.isFailure(started)) {
    await Effect.runPromise(Scope.close(scope, started));
    throw Cause.squash(started.cause);
  }
  const worker = started.value;

  // Waiting fibers do not keep Node alive, and between two calls a worker has nothing else.
  const keepAlive = setInterval(() => {}, longestTimerMs);
  let stopped: Promise<void> | null = null;
  let signalled = 0;

  const stop = (): Promise<void> => {
    if (stopped !== null) worker.hurry();
    stopped ??= Effect.runPromise(Scope.close(scope, Exit.void)).finally(() => {
      clearInterval(keepAlive);
      unlisten();
    });
    return stopped;
  };

  const stopForSignal = async (signal: StopSignal): Promise<void> => {
    signalled += 1;
    if (signalled > 1) return stop();
    const untilMs = performance.now() + settings.shutdownGraceMs + lastMomentsMs;
    await stop();
    if (process.listenerCount(signal) > 0) return;
    // The process ends now, so nobody will close the engine after us, and an embedded Postgres needs a moment for that. Nobody listens any
    // more, so another signal ends the process at once.
    const leftMs = signalled > 1 ? engineStopMs : Math.max(engineStopMs, untilMs - performance.now());
    await Promise.race([settings.runtime.engine.stop().catch(() => {}), sleep(leftMs)]);
    raiseAgain(signal);
  };
  const unlisten = settings.signals ? listenForStop((signal) => void stopForSignal(signal)) : () => {};

  return {
    name: settings.name,
    status: worker.status,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Waits, without keeping the process alive for it. */
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(ms, longestTimerMs)).unref());
}
