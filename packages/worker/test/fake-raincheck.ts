import type { ClaimedCall, Engine } from "@raincheck/engine";
import { type Failure, type PolicyOptions, hasTag, resolvePolicy, toMs } from "@raincheck/protocol";
import type { DescribedError, RaincheckRuntime, YieldSink } from "@raincheck/server";

/** What a fake resolver gets. */
export interface FakeRun {
  readonly call: ClaimedCall;
  readonly input: unknown;
  readonly signal: AbortSignal;
  readonly progress: (value: unknown) => void;
  readonly yields: YieldSink;
  /** What `ctx.call.commit()` does. */
  readonly commit: (output: unknown) => Promise<unknown>;
}

/** A procedure without tRPC. */
export interface FakeProcedure {
  readonly policy?: PolicyOptions;
  readonly run: (run: FakeRun) => unknown;
}

/** A raincheck without tRPC: what a worker needs of one, over procedures that the test controls. */
export function fakeRaincheck(
  engine: Engine,
  procedures: Readonly<Record<string, FakeProcedure>>,
  webhookQueues: readonly string[] = [],
): { readonly "~raincheck": RaincheckRuntime } {
  return {
    "~raincheck": {
      engine,
      checkBound: () => undefined,
      replyQueues: () => [],
      webhookQueues: () => webhookQueues,
      policyAt: async (path) => {
        const procedure = procedures[path];
        return procedure === undefined ? null : resolvePolicy(procedure.policy);
      },
      invoke: async (call, { signal, onProgress, yields }) => {
        let isCommitted = false;
        const output = await procedures[call.path]!.run({
          call,
          input: JSON.parse(call.input),
          signal,
          progress: (value) => onProgress(JSON.stringify(value)),
          yields,
          commit: async (committed) => {
            const value = await engine.commit(call, async () => ({ value: committed, output: JSON.stringify(committed) }));
            isCommitted = true;
            return value;
          },
        });
        return { output: JSON.stringify(output ?? null), committed: isCommitted };
      },
      describe,
    },
  };
}

function describe(error: unknown): DescribedError {
  const described = {
    thrown: error,
    ofEngine: hasTag(error, "StaleAttempt") || hasTag(error, "EngineUnavailable"),
    hidden: false,
    final: false,
    retryAfterMs: null,
  };
  if (hasTag(error, "FinalError")) return { ...described, failure: { code: "FAILED", message: error.message }, final: true };
  if (hasTag(error, "RetryError")) {
    const after = "after" in error ? error.after : undefined;
    const failure: Failure = { code: "RETRY", message: error.message };
    if (after === undefined) return { ...described, failure };
    try {
      return { ...described, failure, retryAfterMs: toMs(after as "1 second", "after") };
    } catch (invalid) {
      return { ...described, failure, unreadableAfter: invalid as Error };
    }
  }
  return { ...described, failure: { code: "INTERNAL_SERVER_ERROR", message: "An unexpected error.", errorId: "e-1" }, hidden: true };
}

/** One run of a {@link HeldProcedure}: it goes on when the test says so. */
export interface HeldRun extends FakeRun {
  readonly succeed: (output?: unknown) => void;
  readonly fail: (error: unknown) => void;
  /** The reason of the signal, as soon as it aborts. */
  readonly aborted: Promise<string>;
}

/** A procedure whose every run waits for the test. It ignores its signal, unless the test heeds it. */
export class HeldProcedure implements FakeProcedure {
  readonly policy: PolicyOptions;
  /** How many runs have begun. */
  begun = 0;
  /** How many run now, and the most that ever did. */
  running = 0;
  peak = 0;
  readonly #begun: HeldRun[] = [];
  readonly #waiting: ((run: HeldRun) => void)[] = [];

  constructor(policy: PolicyOptions = {}) {
    this.policy = policy;
  }

  readonly run = (run: FakeRun): Promise<unknown> => {
    this.begun += 1;
    this.peak = Math.max(this.peak, ++this.running);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const aborted = new Promise<string>((tell) => {
      run.signal.addEventListener("abort", () =>
        tell(hasTag(run.signal.reason, "AttemptAborted") && "reason" in run.signal.reason ? String(run.signal.reason.reason) : "?"),
      );
    });
    const held: HeldRun = { ...run, succeed: resolve, fail: reject, aborted };
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#begun.push(held);
    else waiting(held);
    return promise.finally(() => void this.running--);
  };

  /** The next run that begins, or has begun and was not yet taken. */
  next(): Promise<HeldRun> {
    const begun = this.#begun.shift();
    return begun === undefined ? new Promise((resolve) => void this.#waiting.push(resolve)) : Promise.resolve(begun);
  }
}
