/**
 * Writes what one attempt yields: every value, in order, once; one batch in flight, and what comes meanwhile is the next. No timer: an idle
 * writer writes at once, and a fast generator makes large batches by itself.
 *
 * - **Back-pressure.** When so much waits that the ledger is behind, `put` resolves only when there is room, and the generator stands still.
 * - **An outage** is waited out with the values at hand: the batch is sent again under the same numbers, so the ledger has it once.
 * - **A stale attempt** writes no more. The generator goes on until the signal tells it, which the lease keeper is asked to hurry.
 * - **A refusal** of the engine fails the attempt: a stream with a hole is worth less than another attempt.
 * - **At the end** all is written already when a resolver has returned or thrown, for it waits for that (`flush`). One that was ended from
 *   outside has a second for what waits; what is left then is dropped, for the next attempt tells it anew, and this one commits no more.
 */
import type { Payload } from "@raincheck/engine";
import type { YieldSink } from "@raincheck/server";
import * as Effect from "effect/Effect";
import { engineBackoff } from "./engine-service.ts";
import type { RunningAttempt } from "./running-attempts.ts";
import type { WritingOptions } from "./writing-options.ts";

/** See the file's head. */
export interface YieldWriter extends YieldSink {
  /** Takes no more values. With `isSettling` it waits a second at most for those it has: an end follows that must come behind them. */
  readonly close: (isSettling: boolean) => Effect.Effect<void>;
}

/** Values that may wait beside those in flight, before the generator does. */
const maxWaiting = 256;
/** The same, in characters of their stored form. */
const maxWaitingChars = 262_144;
const closeWaitMs = 1_000;

/** Makes the writer of one attempt. One that is made when the attempt has ended writes nothing. */
export function makeYieldWriter(attempt: RunningAttempt, { engine, now, fork, onStale }: WritingOptions): YieldWriter {
  let waiting: Payload[] = [];
  let waitingChars = 0;
  /** How many values the ledger has, of how many that were put. */
  let written = 0;
  let taken = 0;
  let isWriting = false;
  /** Set when nothing is written any more; `refusal` is why, if the engine would not take a value. */
  let over: { readonly refusal?: unknown } | null = attempt.isOpen ? null : {};
  /** Those who wait for room, or for everything to be written; asked again whenever something has changed. */
  let waiters: { readonly isDone: () => boolean; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  const tell = (): void => {
    const told = waiters;
    waiters = [];
    for (const waiter of told) {
      if (over !== null && "refusal" in over) waiter.reject(over.refusal);
      else if (over !== null || waiter.isDone()) waiter.resolve();
      else waiters.push(waiter);
    }
  };

  const until = (isDone: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      waiters.push({ isDone, resolve, reject });
      tell();
    });

  const end = (how: { readonly refusal?: unknown }): void => {
    over ??= how;
    waiting = [];
    tell();
  };

  const writeBatch = Effect.fnUntraced(function* (values: readonly Payload[]) {
    attempt.ownWriteAtMs = now();
    const result = yield* engine.append(attempt.ref, { after: written, values }).pipe(
      Effect.retry({ schedule: engineBackoff, while: (fault) => fault._tag === "EngineUnavailable" && over === null }),
      Effect.catchTag("EngineRefused", ({ cause }) => Effect.sync(() => end({ refusal: cause }))),
      // Only once it is over: nobody waits for the answer any more.
      Effect.catchTag("EngineUnavailable", () => Effect.void),
    );
    attempt.ownWriteAtMs = now();
    if (result === "settled") written += values.length;
    if (result !== "stale" || over !== null) return;
    end({});
    onStale(attempt);
  });

  const writeAll = Effect.gen(function* () {
    while (waiting.length > 0) {
      const values = waiting;
      waiting = [];
      waitingChars = 0;
      tell();
      yield* writeBatch(values);
    }
    isWriting = false;
    tell();
  }).pipe(Effect.onInterrupt(() => Effect.sync(() => end({}))));

  const hasRoom = (): boolean => waiting.length < maxWaiting && waitingChars < maxWaitingChars;
  const isWritten = (): boolean => !isWriting && waiting.length === 0;

  const put = (value: Payload): Promise<void> | undefined => {
    taken += 1;
    if (over !== null && "refusal" in over) return until(hasRoom);
    // A turn of the event loop, because a generator that yields without pause would let nothing else happen, the abort of its signal included.
    if (over !== null) return new Promise((resolve) => setImmediate(resolve));
    waiting.push(value);
    waitingChars += value.length;
    if (!isWriting) {
      isWriting = true;
      fork(writeAll);
    }
    return hasRoom() ? undefined : until(hasRoom);
  };

  const close = (isSettling: boolean): Effect.Effect<void> =>
    Effect.suspend(() => {
      const wait = isSettling && over === null && !isWritten() ? Effect.ignore(Effect.tryPromise(() => until(isWritten))) : Effect.void;
      return Effect.asVoid(Effect.timeoutOption(wait, closeWaitMs)).pipe(Effect.ensuring(Effect.sync(() => end({}))));
    });

  const flush = async (): Promise<boolean> => {
    await until(isWritten);
    return written === taken;
  };

  return { put, flush, close };
}
