import type { AttemptRef, Payload } from "@raincheck/engine";

import type { YieldSink } from "./runtime.ts";

/**
 * One attempt on its way through the procedure's middleware to its resolver. It is taken once: what a resolver or a middleware
 * calls meanwhile with the same context, the same procedure included, is a plain call.
 */
export interface Attempt extends AttemptRef {
  readonly path: string;
  /** Attempts before this one that failed or timed out. */
  readonly failures: number;
  /** The places taken of each kind of call that it has started; see `start-key.ts`. */
  readonly started: Map<string, Set<number>>;
  /** When the call expires, by this process's clock; `null`: never. */
  readonly deadline: Date | null;
  readonly onProgress: (progress: Payload) => void;
  readonly yields: YieldSink;
  state: "waiting" | "running" | "ended";
  /** What `ctx.call.commit()` settled the attempt with; `null`: nothing yet. */
  committed: { readonly output: Payload } | null;
}

/** An error that stands for something that tRPC would lose on its way: a thrown `null`, an error whose getters throw. */
export class CarriedThrow extends Error {
  readonly _tag = "CarriedThrow";
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super("The resolver threw something that is not an error.");
    this.name = "CarriedThrow";
    this.thrown = thrown;
  }
}

/** What to throw so that tRPC hands it on unharmed. */
export function carryThrow(thrown: unknown): Error {
  try {
    // What tRPC reads of an error when it wraps it.
    if (
      thrown instanceof Error &&
      typeof thrown.name === "string" &&
      typeof thrown.message === "string" &&
      typeof thrown.stack !== "symbol"
    )
      return thrown;
  } catch {
    // A getter threw: not an error that can be handed on.
  }
  return new CarriedThrow(thrown);
}
