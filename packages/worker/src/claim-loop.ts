/**
 * Takes calls from the engine, as many as there are free slots.
 *
 * ```
 *   no slot is free ──▶ wait for an attempt to end
 *   the queue may hold more (the last claim came back full, or a wake has come since it was sent) ──▶ claim at once
 *   otherwise ──▶ wait for a wake, for a place of a failing procedure, or for the poll
 * ```
 *
 * One claim is in flight at a time: while it is, slots and wakes gather, and the next claim takes all of them. A wake is a hint and
 * may be lost, so the poll comes once a second; a wake that comes during a claim is kept, because that claim may have looked too early.
 * A fault of the engine is waited out and never ends the loop.
 */
import type { ClaimedCall } from "@raincheck/engine";
import * as Effect from "effect/Effect";
import * as Latch from "effect/Latch";
import * as Random from "effect/Random";
import { handedBack } from "./classify.ts";
import { EngineService, engineBackoff } from "./engine-service.ts";
import type { FailingProcedures } from "./failing-procedures.ts";
import type { KnownProcedures } from "./known-procedures.ts";
import type { MonotonicClock } from "./monotonic-clock.ts";
import { RunningAttempt, type RunningAttempts } from "./running-attempts.ts";
import type { WebhookSlots } from "./webhook-slots.ts";

/** The poll comes this often, give or take a fifth, so that workers do not poll in step. */
const pollMs = 1_000;

/** What a claim loop needs. */
export interface ClaimLoopOptions {
  readonly concurrency: number;
  readonly running: RunningAttempts;
  readonly now: MonotonicClock;
  readonly procedures: Pick<KnownProcedures, "withheld">;
  readonly failing: Pick<FailingProcedures, "withheld" | "claimed" | "nextPlaceInMs">;
  readonly webhooks: WebhookSlots;
  /** Starts an attempt that holds its slot already. */
  readonly start: (attempt: RunningAttempt) => void;
  /** Whether the worker still takes calls; what a claim brings after that is handed back. */
  readonly isOpen: () => boolean;
}

/** See the file's head. */
export interface ClaimLoop {
  /** Never ends by itself. Interrupt it between two claims: a claim in flight is finished first. */
  readonly run: Effect.Effect<never>;
  /** An attempt has given its slot back. */
  readonly slotFreed: () => void;
  /** The queue may hold more than at the last claim. */
  readonly wake: () => void;
}

/** Makes a claim loop. */
export const makeClaimLoop = Effect.fnUntraced(function* (options: ClaimLoopOptions) {
  const { concurrency, running, now, start, isOpen, procedures, failing, webhooks } = options;
  const engine = yield* EngineService;
  /** Opens when the loop should look again. */
  const changed = Latch.makeUnsafe(false);
  let mayHoldMore = true;
  /** Whether the loop waits for a slot. */
  let isFull = false;

  const handBack = (call: ClaimedCall): Effect.Effect<void> =>
    Effect.ignore(engine.settle({ id: call.id, attempt: call.attempt }, handedBack(0)));

  // Not interruptible: calls that have been claimed must be run or handed back, or they would wait for their lease to end.
  const claim = Effect.gen(function* () {
    const limit = concurrency - running.size;
    const sentAtMs = now();
    mayHoldMore = false;
    const capped = webhooks.cap();
    const withheld = [...procedures.withheld(), ...failing.withheld()];
    const calls = yield* Effect.tapError(engine.claim({ limit, withheld, capped }), () => Effect.sync(() => (mayHoldMore = true)));
    webhooks.claimed(capped, calls);
    if (calls.length >= limit) mayHoldMore = true;
    if (!isOpen()) return yield* Effect.forEach(calls, handBack, { concurrency: 10, discard: true });
    for (const { path } of calls) failing.claimed(path);
    const attempts = calls.map((call) => new RunningAttempt(call, sentAtMs));
    for (const attempt of attempts) running.add(attempt);
    attempts.forEach(start);
  }).pipe(Effect.uninterruptible, Effect.retry(engineBackoff), Effect.orDie);

  const look = Effect.gen(function* () {
    changed.closeUnsafe();
    isFull = running.size >= concurrency;
    // Attempts are settled together, and so give back their slots at once: a turn of the event loop, and one claim is for all of them.
    if (isFull) yield* Effect.andThen(changed.await, Effect.yieldNow);
    else if (mayHoldMore) yield* claim;
    else {
      const duration = Math.min(pollMs * (yield* Random.nextBetween(0.8, 1.2)), failing.nextPlaceInMs());
      yield* changed.await.pipe(Effect.timeoutOrElse({ duration, orElse: () => Effect.sync(() => (mayHoldMore = true)) }));
    }
  });

  const wake = (): void => {
    mayHoldMore = true;
    changed.openUnsafe();
  };

  return {
    run: Effect.acquireUseRelease(
      Effect.sync(() => engine.watchQueues(wake)),
      () => Effect.forever(look, { disableYield: true }),
      (unwatch) => Effect.sync(unwatch),
    ),
    wake,
    slotFreed() {
      if (webhooks.hasRoomAgain()) wake();
      else if (isFull || failing.nextPlaceInMs() < Infinity) changed.openUnsafe();
    },
  } satisfies ClaimLoop;
});
