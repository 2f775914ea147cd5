/**
 * Writes what an attempt ended with.
 *
 * - It is fenced: a call that is no longer this attempt's answers `stale`, and the result is counted and dropped.
 * - A settle that fails is settled again, with the same arguments, for as long as the worker runs. It never becomes a failed
 *   attempt: the work was done, and after an ambiguous commit it may even have been written.
 * - What the ledger refuses for good (a value that it cannot store) ends the call as failed, or it would hold its slot for ever.
 */
import type { SettleResult, Settlement } from "@raincheck/engine";
import type { Failure } from "@raincheck/protocol";
import * as Effect from "effect/Effect";
import type { AttemptOutcome } from "./attempt-outcome.ts";
import type { Verdict } from "./classify.ts";
import { type EngineFault, type EngineRefused, EngineService, engineBackoff } from "./engine-service.ts";
import type { RunningAttempt } from "./running-attempts.ts";
import { Telemetry } from "./telemetry.ts";

/** How often a refused settle is tried again before it counts as refused for good: an engine may call an outage by the wrong name. */
const refusedTries = 5;

/** Settles an attempt; succeeds with its final outcome once the ledger has answered, and not before. */
export const settleAttempt = Effect.fnUntraced(function* (attempt: RunningAttempt, { outcome, settlement }: Verdict) {
  if (settlement === null) return outcome;
  const engine = yield* EngineService;
  const telemetry = yield* Telemetry;
  const result = yield* engine.settle(attempt.ref, settlement).pipe(
    Effect.catch((fault) => settleAgain(attempt, settlement, fault)),
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        telemetry.log({
          level: "error",
          event: "result-dropped",
          message: "The worker stopped before the ledger took the result; the call runs again when its lease has ended.",
          call: attempt.label,
        });
      }),
    ),
  );
  if (result === "settled") return outcome;
  telemetry.log({
    level: "warn",
    event: "result-stale",
    message: "The call is no longer this attempt's; its result was dropped.",
    call: attempt.label,
    facts: { outcome },
  });
  return "stale" satisfies AttemptOutcome;
});

/** Goes on after a first fault until the ledger has answered. */
const settleAgain = Effect.fnUntraced(function* (attempt: RunningAttempt, settlement: Settlement, first: EngineFault) {
  const engine = yield* EngineService;
  const telemetry = yield* Telemetry;
  telemetry.log({
    level: "warn",
    event: "result-waiting",
    message: "The ledger does not take the result; it is kept and settled again until it does.",
    call: attempt.label,
    error: first,
  });
  let refusals = 0;
  const noteFault = (fault: EngineFault): void => {
    if (fault._tag === "EngineRefused") refusals += 1;
  };
  // The first try is the one that failed: what is waited for follows from it.
  let settle: Effect.Effect<SettleResult, EngineFault> = Effect.fail(first);
  const tryNext = Effect.suspend(() => {
    const next = settle;
    settle = engine.settle(attempt.ref, settlement);
    return next;
  });
  return yield* tryNext.pipe(
    Effect.tapError((fault) => Effect.sync(() => noteFault(fault))),
    Effect.retry({ schedule: engineBackoff, while: (fault) => fault._tag === "EngineUnavailable" || refusals < refusedTries }),
    Effect.catchTag("EngineUnavailable", Effect.die),
    Effect.catchTag("EngineRefused", (refused) => settleRefused(attempt, refused)),
  );
});

const settleRefused = Effect.fnUntraced(function* (attempt: RunningAttempt, refused: EngineRefused) {
  const engine = yield* EngineService;
  const telemetry = yield* Telemetry;
  telemetry.log({
    level: "error",
    event: "result-dropped",
    message: "The ledger refused the result; the call fails instead.",
    call: attempt.label,
    error: refused.cause,
  });
  const failure: Failure = { code: "OUTPUT_NOT_STORABLE", message: "The ledger could not store what the attempt ended with." };
  return yield* engine.settle(attempt.ref, { type: "failed", failure }).pipe(
    Effect.retry({ schedule: engineBackoff, while: (fault) => fault._tag === "EngineUnavailable" }),
    // Refused again: the lease ends by itself, and the ledger counts a lost attempt.
    Effect.catch(() => Effect.succeed<SettleResult>("stale")),
  );
});
