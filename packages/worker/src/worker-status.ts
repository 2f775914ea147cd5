import type { AttemptOutcome } from "./attempt-outcome.ts";

/** A worker at a glance. */
export interface WorkerStatus {
  /** `stopping`: it takes no more calls, and waits for those that it has. */
  readonly state: "running" | "stopping" | "stopped";
  /** Attempts that hold a slot. */
  readonly running: number;
  /** Resolvers that still run although their attempt is over: they ignore their signal. */
  readonly abandoned: number;
  /** Whether the engine answered when it was last asked. */
  readonly isEngineAvailable: boolean;
  /** How many attempts have ended, by outcome, since the worker started. */
  readonly outcomes: Readonly<Record<AttemptOutcome, number>>;
}
