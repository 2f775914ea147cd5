import type { Payload } from "@raincheck/engine";
import type { YieldSink } from "@raincheck/server";
import * as Effect from "effect/Effect";
import { type ProgressWriter, makeProgressWriter } from "./progress-writer.ts";
import type { RunningAttempt } from "./running-attempts.ts";
import type { WritingOptions } from "./writing-options.ts";
import { type YieldWriter, makeYieldWriter } from "./yield-writer.ts";

/** What writes for a resolver while it runs. Most resolvers tell nothing but their output: a writer is made for the first value. */
export interface AttemptWriters {
  readonly onProgress: (progress: Payload) => void;
  readonly yields: YieldSink;
  /** Closes both; see {@link ProgressWriter} and {@link YieldWriter}. To be called when the attempt has ended. */
  readonly close: (isSettling: boolean) => Effect.Effect<void>;
}

/** Makes the writers of one attempt. */
export function openAttemptWriters(attempt: RunningAttempt, options: WritingOptions): AttemptWriters {
  let progress: ProgressWriter | null = null;
  let yields: YieldWriter | null = null;
  const yieldWriter = (): YieldWriter => (yields ??= makeYieldWriter(attempt, options));
  return {
    onProgress: (value) => (progress ??= makeProgressWriter(attempt, options)).put(value),
    yields: { put: (value) => yieldWriter().put(value), flush: () => yieldWriter().flush() },
    close: (isSettling) => {
      const closeYields = yields === null ? Effect.void : yields.close(isSettling);
      return progress === null ? closeYields : Effect.andThen(progress.close, closeYields);
    },
  };
}
