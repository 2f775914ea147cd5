/** What stands in for the worker package in this package's tests: claims attempts, runs them, settles them. One at a time. */
import type { ClaimedCall, SettleResult } from "@raincheck/engine";
import type { InvokeOptions, RaincheckRuntime, YieldSink } from "../../src/runtime.ts";

/** How an attempt went. */
export interface RunAttempt {
  readonly call: ClaimedCall;
  readonly settled: SettleResult;
  /** What was thrown; `undefined` when nothing was. */
  readonly error: unknown;
  /** What `ctx.call.progress()` gave, still encoded. */
  readonly progress: readonly string[];
}

/** For attempts whose progress and yields nobody follows. */
export const quietly: Omit<InvokeOptions, "signal"> = { onProgress: () => {}, yields: { put: () => undefined, flush: async () => true } };

/** Appends each value to the ledger before the resolver goes on. */
export function appending({ engine }: RaincheckRuntime, call: ClaimedCall): YieldSink {
  let after = 0;
  return {
    async put(value) {
      await engine.append(call, { after: after++, values: [value] });
    },
    flush: async () => true,
  };
}

/** Claims the next call, or throws when there is none. */
export async function claimNext({ engine }: RaincheckRuntime, queue = "default"): Promise<ClaimedCall> {
  const [call] = await engine.claim({ worker: "test", queues: [queue], limit: 1, leaseMs: 60_000 });
  if (call === undefined) throw new Error(`No call to claim in the queue ${queue}.`);
  return call;
}

/** Runs the next attempt and settles it; a failure ends the call, whether or not it could be retried. */
export async function runNext(
  runtime: RaincheckRuntime,
  options: { readonly queue?: string; readonly signal?: AbortSignal } = {},
): Promise<RunAttempt> {
  const call = await claimNext(runtime, options.queue);
  const progress: string[] = [];
  const reports: Promise<unknown>[] = [];
  const onProgress = (value: string): void => {
    progress.push(value);
    reports.push(runtime.engine.report(call, value));
  };
  try {
    const { output, committed } = await runtime.invoke(call, {
      signal: options.signal ?? new AbortController().signal,
      onProgress,
      yields: appending(runtime, call),
    });
    await Promise.all(reports);
    const settled = committed ? "settled" : await runtime.engine.settle(call, { type: "succeeded", output });
    return { call, settled, error: undefined, progress };
  } catch (error) {
    await Promise.all(reports);
    const { failure } = runtime.describe(error);
    return { call, settled: await runtime.engine.settle(call, { type: "failed", failure }), error, progress };
  }
}

/** Runs attempts as they become runnable, until disposed; disposing waits for the one under way. */
export function serve(runtime: RaincheckRuntime, queue = "default"): AsyncDisposable {
  let stopped = false;
  let running: Promise<void> | null = null;
  let again = false;
  const drain = async (): Promise<void> => {
    do {
      again = false;
      for (let [call] = await claim(); call !== undefined && !stopped; [call] = await claim()) {
        const current = call;
        try {
          const { output, committed } = await runtime.invoke(call, {
            signal: new AbortController().signal,
            onProgress: (value) => void runtime.engine.report(current, value),
            yields: appending(runtime, current),
          });
          if (!committed) await runtime.engine.settle(call, { type: "succeeded", output });
        } catch (error) {
          await runtime.engine.settle(call, { type: "failed", failure: runtime.describe(error).failure });
        }
      }
    } while (again && !stopped);
  };
  const claim = () => runtime.engine.claim({ worker: "test", queues: [queue], limit: 1, leaseMs: 60_000 });
  const wake = (): void => {
    again = true;
    running ??= drain().finally(() => {
      running = null;
    });
  };
  const unsubscribe = runtime.engine.onRunnable([queue], wake);
  wake();
  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      unsubscribe();
      await running;
    },
  };
}
