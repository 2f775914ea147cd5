/**
 * Writes the progress of one attempt: the latest value wins, at most one write each `limits.progressIntervalMs`, one in flight.
 *
 * A value is written at once when none was recent. When the attempt ends, a write in flight is waited for, so that what was
 * written never comes after the end; a value that has not been sent by then is dropped, because waiting to send it would delay
 * every result for the sake of a number that the result makes worthless.
 */
import type { Payload } from "@raincheck/engine";
import { limits } from "@raincheck/protocol";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import type * as Fiber from "effect/Fiber";
import type { RunningAttempt } from "./running-attempts.ts";
import type { WritingOptions } from "./writing-options.ts";

/** See the file's head. */
export interface ProgressWriter {
  /** Takes a value. Never throws; ignored once the attempt has ended. */
  readonly put: (progress: Payload) => void;
  /** Takes no more values, and waits for the write in flight; for a second at most: the engine may be hanging. */
  readonly close: Effect.Effect<void>;
}

const closeWaitMs = 1_000;
const longestBackoffMs = 5_000;

/** Makes the writer of one attempt. */
export function makeProgressWriter(attempt: RunningAttempt, { engine, now, fork, onStale }: WritingOptions): ProgressWriter {
  let latest: Payload | null = null;
  let nextAtMs = -Infinity;
  let faults = 0;
  let isClosed = false;
  let isWriting = false;
  let writer: Fiber.Fiber<void> | null = null;
  let inFlight: Deferred.Deferred<void> | null = null;

  const writeOne = Effect.fnUntraced(function* (value: Payload) {
    const written = Deferred.makeUnsafe<void>();
    inFlight = written;
    const sentAtMs = now();
    attempt.ownWriteAtMs = sentAtMs;
    nextAtMs = sentAtMs + limits.progressIntervalMs;
    const result = yield* engine.report(attempt.ref, value).pipe(
      Effect.tap(() => Effect.sync(() => (faults = 0))),
      Effect.catchTag("EngineUnavailable", () =>
        Effect.sync(() => {
          // The value is still the latest, unless a newer one has come; the ledger gets it when it is back.
          latest ??= value;
          nextAtMs = now() + Math.min(longestBackoffMs, limits.progressIntervalMs * 2 ** faults++);
          return "settled" as const;
        }),
      ),
      Effect.catchTag("EngineRefused", () => Effect.succeed("settled" as const)),
    );
    attempt.ownWriteAtMs = now();
    inFlight = null;
    Deferred.doneUnsafe(written, Effect.void);
    if (result === "stale") {
      isClosed = true;
      onStale(attempt);
    }
  });

  const writeAll = Effect.gen(function* () {
    while (latest !== null && !isClosed) {
      const waitMs = nextAtMs - now();
      if (waitMs > 0) {
        yield* Effect.sleep(waitMs);
        continue;
      }
      const value = latest;
      latest = null;
      yield* writeOne(value);
    }
    isWriting = false;
  });

  const put = (progress: Payload): void => {
    if (isClosed || !attempt.isOpen) return;
    latest = progress;
    if (isWriting) return;
    isWriting = true;
    writer = fork(writeAll);
  };

  const close = Effect.suspend(() => {
    isClosed = true;
    if (inFlight !== null) return Effect.asVoid(Effect.timeoutOption(Deferred.await(inFlight), closeWaitMs));
    // It is asleep until the next value may be written, and there is no next value.
    if (isWriting) writer?.interruptUnsafe();
    return Effect.void;
  });

  return { put, close };
}
