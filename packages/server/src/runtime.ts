/**
 * What a worker needs of a raincheck: the seam between this package, which knows tRPC, and `@raincheck/worker`, which knows
 * how attempts are run. It stands at `raincheck["~raincheck"]`.
 */
import type { ClaimedCall, Engine, Payload } from "@raincheck/engine";
import type { Failure, Policy } from "@raincheck/protocol";

/** Where the values go that a streaming resolver yields, in their order. */
export interface YieldSink {
  /**
   * Takes an encoded value.
   *
   * @returns resolves when the resolver may go on; `undefined`: at once. Rejects with what the engine refused earlier values with.
   */
  put(value: Payload): Promise<void> | undefined;
  /**
   * Resolves with `true` when all that was taken is in the ledger, with `false` when some of it never will be, because the attempt is over.
   * Rejects with what the engine refused it with.
   */
  flush(): Promise<boolean>;
}

/** What {@link RaincheckRuntime.invoke} is told beside the call. */
export interface InvokeOptions {
  /** Aborts with an `AttemptAborted` as its reason. The resolver gets it as `signal`. */
  readonly signal: AbortSignal;
  /** Takes the encoded value of `ctx.call.progress(value)`; must not throw. */
  readonly onProgress: (progress: Payload) => void;
  readonly yields: YieldSink;
}

/** How an invocation went well. */
export interface Invoked {
  /** The encoded output, checked against the policy's `maxOutputBytes`. */
  readonly output: Payload;
  /** `true` when `ctx.call.commit()` has settled the attempt already: nothing is left to settle. */
  readonly committed: boolean;
}

/** What a thrown value means for the call. */
export interface DescribedError {
  /** What the caller may see. */
  readonly failure: Failure;
  /** `true`: `thrown` is the engine's own error, of this raincheck; not one of the application's that looks like it. */
  readonly ofEngine: boolean;
  /** `true`: no retry, whatever the policy says. */
  readonly final: boolean;
  /** The delay that a `RetryError` asked for; `null`: the policy decides. */
  readonly retryAfterMs: number | null;
  /** Why the delay of a `RetryError` could not be read, so that the policy decides: to be logged. Absent otherwise. */
  readonly unreadableAfter?: Error;
  /** What the resolver threw, unwrapped from tRPC's error: for the policy's `retry.when` and for the log. */
  readonly thrown: unknown;
  /** `true` when `failure.message` hides the error: log `thrown` under `failure.errorId`. */
  readonly hidden: boolean;
}

/** See the file's head. */
export interface RaincheckRuntime {
  readonly engine: Engine;

  /** @throws when no router is bound yet: there is nothing to run. */
  checkBound(): void;

  /** The queues of the replies that this process consumes: a worker claims from them too. */
  replyQueues(): readonly string[];

  /** The queues of the messages that this process posts: a worker claims from them too, for a part of its slots. */
  webhookQueues(): readonly string[];

  /** The policy of a deferrable procedure, or of replies; `null` when the bound router, or `replies()`, has none at that path. */
  policyAt(path: string): Promise<Policy | null>;

  /**
   * Runs one attempt: decodes the input, restores the context, and runs the procedure with all its middleware.
   * Rejects with whatever was thrown; {@link RaincheckRuntime.describe} says what it means.
   */
  invoke(call: ClaimedCall, options: InvokeOptions): Promise<Invoked>;

  /** Turns anything that {@link RaincheckRuntime.invoke} rejected with into data. Never throws. */
  describe(error: unknown): DescribedError;
}
