import { type CallId, type CallMode, limits } from "@raincheck/protocol";
import { type Engine, StaleAttempt } from "@raincheck/engine";

import type { Attempt } from "./attempt.ts";
import type { PayloadCodec } from "./payload-codec.ts";
import type { StartScope } from "./start-scope.ts";

/**
 * `ctx.call` in the resolver of a deferrable procedure, in both modes.
 *
 * @typeParam TTransaction what the engine hands to `commit`'s function: postgres.js's `TransactionSql`, or `null` in memory.
 * @typeParam TCommitted what may be committed: what the resolver may return.
 */
export interface CallContext<TTransaction, TCommitted = unknown> {
  /** How the procedure was called: `"async"` in a worker's attempt, `"sync"` otherwise. */
  readonly mode: CallMode;
  /** The call's id; `null` in sync mode. */
  readonly id: CallId | null;
  /** The attempt's number, from 1; 1 in sync mode. */
  readonly attempt: number;
  /** When the call expires, by this process's clock; `null` when its policy sets no `deadline`, and in sync mode. */
  readonly deadline: Date | null;

  /**
   * Tells whoever follows the call how far it is. The latest value wins; at most one is written each
   * `limits.progressIntervalMs`. In sync mode nobody follows, so the value is only checked.
   *
   * @throws {PayloadRefused} when the value cannot be kept, or has more than `limits.progressBytes` bytes.
   */
  progress(value: unknown): void;

  /**
   * Commits the application's writes together with the output, so that they happen once, whatever crashes. Once per run.
   * What it resolves with is the output: return it. Keep long work outside: a transaction is open meanwhile.
   * In sync mode it is a plain transaction.
   *
   * Calls that are started with the resolver's `ctx` meanwhile belong to it: they are there, and may run, if and when it commits.
   * Await their starts inside `work`.
   *
   * @param work gets the open transaction; when it throws, everything is rolled back and the error is rethrown.
   * @throws {StaleAttempt} when the worker has lost the call; everything was rolled back.
   */
  commit<TValue extends TCommitted>(work: (transaction: TTransaction) => TValue | Promise<TValue>): Promise<TValue>;
}

/** What one run of a resolver is made of. */
export interface CallRun {
  /** Takes what the engine itself throws at the resolver. */
  readonly engineErrors: WeakSet<object>;
  readonly engine: Engine;
  /** `null`: sync mode. */
  readonly attempt: Attempt | null;
  readonly scope: StartScope;
  /** The codec for outputs and progress. */
  readonly codec: PayloadCodec;
  readonly maxOutputBytes: number;
  /** The output parser, or what stands for none: that of a streaming resolver is for what it streams. */
  readonly parse: (value: unknown) => unknown;
}

/** What a run has committed: the value that the resolver should return, and what the parser made of it. */
export interface CommittedValue {
  readonly value: unknown;
  readonly parsed: unknown;
}

/** A `ctx.call` and what the run must know of it afterwards. */
export interface OpenCallContext {
  readonly call: CallContext<unknown>;
  /** Resolves when no commit is under way any more, with what was committed. Never rejects. `null`: there is none, nor was one kept. */
  settled(): Promise<CommittedValue | null> | null;
}

/** Makes the `ctx.call` of one run. */
export function openCallContext(run: CallRun): OpenCallContext {
  const { engine, attempt, scope, codec, maxOutputBytes, parse, engineErrors } = run;
  let committing: Promise<CommittedValue> | null = null;

  async function commitSync(work: (transaction: unknown) => unknown): Promise<CommittedValue> {
    // The parser runs inside, as it does in an attempt: an output that it refuses takes the writes back with it.
    return await engine.transaction(async (transaction) => {
      const value = await scope.commit(transaction, () => work(transaction));
      return { value, parsed: await parse(value) };
    });
  }

  async function commitAttempt(to: Attempt, work: (transaction: unknown) => unknown): Promise<CommittedValue> {
    let output: string | null = null;
    const thrownByWork: unknown[] = [];
    try {
      // They come before the event that ends the call. The attempt is over if they cannot, though the ledger may not know it yet.
      if (!(await to.yields.flush())) throw new StaleAttempt(to, "not all that it yielded is kept, so it may not commit");
      const committed = await engine.commit(to, async (transaction) => {
        try {
          const value = await scope.commit(transaction, () => work(transaction));
          const parsed = await parse(value);
          output = codec.encode(parsed, { subject: "output", maxBytes: maxOutputBytes });
          return { value: { value, parsed }, output };
        } catch (error) {
          thrownByWork.push(error);
          throw error;
        }
      });
      to.committed = { output: output! };
      return committed;
    } catch (error) {
      // An outage in the middle of the work is the engine's error all the same: it is another than the work has thrown.
      if (!thrownByWork.includes(error) && typeof error === "object" && error !== null) engineErrors.add(error);
      throw error;
    }
  }

  return {
    call: {
      mode: attempt === null ? "sync" : "async",
      id: attempt?.id ?? null,
      attempt: attempt?.attempt ?? 1,
      deadline: attempt?.deadline ?? null,
      progress(value) {
        const payload = codec.encode(value, { subject: "progress", maxBytes: limits.progressBytes });
        if (attempt !== null && attempt.state === "running" && attempt.committed === null) attempt.onProgress(payload);
      },
      async commit(work) {
        if (committing !== null)
          throw new Error("ctx.call.commit() was called twice in one run. Put all writes that belong to the output into one.");
        committing = attempt === null ? commitSync(work) : commitAttempt(attempt, work);
        try {
          const { value } = await committing;
          return value as Awaited<ReturnType<typeof work>>;
        } catch (error) {
          // Rolled back: the resolver may try again.
          committing = null;
          throw error;
        }
      },
    },
    settled: () => committing?.catch(() => null) ?? null,
  };
}
