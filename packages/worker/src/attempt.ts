/**
 * Runs one attempt, from its claim until it is settled.
 *
 * The attempt's fiber does not run the resolver: it waits for the attempt's end, whoever gives it (see running-attempts.ts), and
 * then settles. So no resolver, however it ignores its signal, can hold up the outcome of its call.
 */
import type { ClaimedCall, Heartbeat, Settlement } from "@raincheck/engine";
import { type Failure, type Policy, resolvePolicy } from "@raincheck/protocol";
import type { RaincheckRuntime } from "@raincheck/server";
import * as Cause from "effect/Cause";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import type * as Fiber from "effect/Fiber";
import type { AttemptOutcome } from "./attempt-outcome.ts";
import type { AbandonedResolvers } from "./abandoned-resolvers.ts";
import { type AttemptWriters, openAttemptWriters } from "./attempt-writers.ts";
import { type Verdict, classify, classifyFromOutside, retryOrFail } from "./classify.ts";
import { EngineService } from "./engine-service.ts";
import type { FailingProcedures } from "./failing-procedures.ts";
import type { KnownProcedures } from "./known-procedures.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { MonotonicClock } from "./monotonic-clock.ts";
import type { AttemptEnd, RunningAttempt, RunningAttempts } from "./running-attempts.ts";
import { settleAttempt } from "./settle-attempt.ts";
import { Telemetry } from "./telemetry.ts";
import type { TimeLimits } from "./time-limits.ts";
import type { WritingOptions } from "./writing-options.ts";

/** The pause between two warnings about one path. */
const unknownProcedureWarningMs = 60_000;

/** What running attempts need. */
export interface AttemptRunnerOptions {
  readonly runtime: RaincheckRuntime;
  readonly procedures: KnownProcedures;
  readonly failing: FailingProcedures;
  /** How long a call waits for a worker that has its procedure. */
  readonly unknownProcedureMs: number;
  readonly running: RunningAttempts;
  readonly abandoned: AbandonedResolvers;
  readonly keeper: LeaseKeeper;
  readonly limits: TimeLimits;
  readonly heartbeat: Heartbeat;
  readonly now: MonotonicClock;
  /** Runs a fiber that lives no longer than the worker. */
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>;
}

/** Runs an attempt that is in `running` already; it gives its slot back at the end. Never fails. */
export type RunAttempt = (attempt: RunningAttempt) => Effect.Effect<void, never, EngineService | Telemetry>;

/** Makes the way in which the attempts of one worker are run. */
export const makeAttemptRunner = Effect.fnUntraced(function* (options: AttemptRunnerOptions) {
  const { runtime, procedures, failing, running, abandoned, keeper, limits, heartbeat, now, fork } = options;
  const engine = yield* EngineService;
  const telemetry = yield* Telemetry;
  const warnedOfPathAtMs = new Map<string, number>();
  const writing: WritingOptions = { engine, now, fork, onStale: keeper.ask };

  /** The policy of a procedure that is met for the first time; `null` when there is none, or the attempt ended before it was found. */
  const findPolicy = Effect.fnUntraced(function* (attempt: RunningAttempt) {
    // A lazy router is loaded here; that takes as long as it takes, and the attempt can still be told to stop.
    return yield* Effect.raceFirst(
      Effect.tryPromise({ try: () => procedures.find(attempt.call.path), catch: (error) => error }),
      Effect.as(Deferred.await(attempt.ended), null),
    ).pipe(
      Effect.catch((error) =>
        Effect.sync(() => {
          telemetry.log({ level: "error", event: "fault", message: "The procedure could not be loaded.", call: attempt.label, error });
          return null;
        }),
      ),
    );
  });

  const classifyUnknown = (call: ClaimedCall): Verdict => {
    if (now() - (warnedOfPathAtMs.get(call.path) ?? -Infinity) >= unknownProcedureWarningMs) {
      warnedOfPathAtMs.set(call.path, now());
      telemetry.log({
        level: "warn",
        event: "procedure-unknown",
        message: `This worker has no deferrable procedure ${call.path}; its calls are left for a worker that has it.`,
        call: { id: call.id, path: call.path, attempt: call.attempt },
        facts: { queue: call.queue },
      });
    }
    return { outcome: "handed-back", settlement: { type: "unknown", giveUpAfterMs: options.unknownProcedureMs }, isRetryable: false };
  };

  /** Starts the resolver; the promise resolves when it has ended. */
  const startResolver = async (attempt: RunningAttempt, { onProgress, yields }: AttemptWriters): Promise<void> => {
    try {
      const invoked = await runtime.invoke(attempt.call, { signal: attempt.signal, onProgress, yields });
      attempt.end({ type: "returned", invoked });
    } catch (error) {
      attempt.end({ type: "threw", error });
    }
  };

  /** How the attempt ends at the latest: at its time limit, or at its call's deadline if that comes first. */
  const limitOf = (attempt: RunningAttempt, { timeoutMs }: Policy): { readonly afterMs: number; readonly end: AttemptEnd } => {
    const deadlineInMs = attempt.call.deadlineInMs ?? Infinity;
    if (deadlineInMs > timeoutMs) return { afterMs: timeoutMs, end: { type: "timed-out" } };
    return { afterMs: Math.max(0, deadlineInMs), end: { type: "told", reason: "expired" } };
  };

  const reachVerdict = Effect.fnUntraced(function* (attempt: RunningAttempt, writers: AttemptWriters) {
    const policy = procedures.known(attempt.call.path) ?? (yield* findPolicy(attempt));
    if (!attempt.isOpen) return yield* classifyUnstarted(attempt);
    if (policy === null) {
      // Ended here, so that no wake and no lost lease can end it otherwise while it is handed back.
      attempt.end({ type: "told", reason: "lost" });
      return classifyUnknown(attempt.call);
    }
    const limit = limitOf(attempt, policy);
    attempt.letGo = heartbeat.hold(attempt.ref, limit.afterMs);
    const finished = startResolver(attempt, writers);
    limits.limit(attempt, limit.afterMs, limit.end);
    const end = yield* Deferred.await(attempt.ended);
    if (end.type !== "returned" && end.type !== "threw") abandoned.add(attempt, finished);
    const verdict = yield* classify(attempt, end, { policy, runtime });
    if (verdict.outcome === "succeeded") failing.succeeded(attempt.call.path);
    else if (verdict.isRetryable) failing.failed(attempt.call.path, policy.retry);
    return verdict;
  });

  const tellEnd = (attempt: RunningAttempt, outcome: AttemptOutcome, settlement: Settlement | null): void => {
    const tookMs = now() - attempt.claimedAtMs;
    telemetry.countOutcome(outcome, tookMs);
    const level = outcome === "cancelled" || outcome === "expired" ? "info" : "debug";
    const facts = { outcome, tookMs: Math.round(tookMs), settlement: settlement?.type ?? "none" };
    telemetry.log({ level, event: "attempt-ended", message: `The attempt ended: ${outcome}.`, call: attempt.label, facts });
  };

  const run = Effect.fnUntraced(function* (attempt: RunningAttempt) {
    const writers = openAttemptWriters(attempt, writing);
    attempt.unwatch = engine.watchCall(attempt.call.id, () => keeper.wake(attempt));
    const verdict = yield* reachVerdict(attempt, writers);
    yield* writers.close(verdict.settlement !== null);
    const outcome = yield* settleAttempt(attempt, verdict);
    tellEnd(attempt, outcome, verdict.settlement);
  });

  /**
   * A fault of ours: the call must not wait for its lease to end. It counts as a failure, by the retries of a policy that says nothing,
   * because a call that makes the worker fail must not go round for ever.
   */
  const recover = Effect.fnUntraced(function* (attempt: RunningAttempt, error: unknown) {
    telemetry.log({ level: "error", event: "fault", message: "The worker failed to run the attempt.", call: attempt.label, error });
    attempt.end({ type: "told", reason: "lost" });
    const failure: Failure = { code: "INTERNAL_SERVER_ERROR", message: "The worker failed to run the attempt." };
    const verdict = yield* retryOrFail(attempt.call, resolvePolicy(), { outcome: "failed", failure, retryAfterMs: null });
    tellEnd(attempt, yield* settleAttempt(attempt, verdict), verdict.settlement);
  });

  const runAttempt: RunAttempt = (attempt) =>
    run(attempt).pipe(
      Effect.catchCause((cause) => recover(attempt, Cause.squash(cause))),
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          attempt.end({ type: "told", reason: "shutdown" });
          telemetry.countOutcome("unsettled", now() - attempt.claimedAtMs);
        }),
      ),
      Effect.ensuring(
        Effect.sync(() => {
          attempt.letGo?.();
          attempt.unwatch?.();
          running.remove(attempt);
        }),
      ),
    );
  return runAttempt;
});

/** An attempt that was told to stop before its resolver began. */
const classifyUnstarted = Effect.fnUntraced(function* (attempt: RunningAttempt) {
  const end = yield* Deferred.await(attempt.ended);
  // Only a resolver returns, throws or takes too long, and none has begun.
  if (end.type !== "told" && end.type !== "lease-ran-out")
    return yield* Effect.die(new Error(`An attempt that had not begun ended as ${end.type}.`));
  return classifyFromOutside(attempt, end);
});
