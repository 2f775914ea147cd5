import type * as Effect from "effect/Effect";
import type * as Fiber from "effect/Fiber";
import type { EngineService } from "./engine-service.ts";
import type { MonotonicClock } from "./monotonic-clock.ts";
import type { RunningAttempt } from "./running-attempts.ts";

/** What is needed to write for an attempt that runs. */
export interface WritingOptions {
  readonly engine: EngineService["Service"];
  readonly now: MonotonicClock;
  /** Runs a fiber that lives no longer than the worker. */
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>;
  /** Is called when the ledger answers that the call is no longer this attempt's. */
  readonly onStale: (attempt: RunningAttempt) => void;
}
