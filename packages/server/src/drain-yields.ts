/**
 * Runs an `async function*` in an attempt: each value that it yields goes to the ledger as an event, and what it returns is the output.
 *
 * - The generator is resumed when the sink has room: one that is faster than the ledger waits at its `yield`.
 * - What cannot be kept, or is more than the policy allows, ends the call as failed. The generator does not see the error: it is ended by
 *   `return()`, so its `finally` blocks run and it cannot catch its own refusal.
 * - When the attempt must stop, its signal aborts and the generator is ended likewise, as soon as it comes to its next `yield`.
 * - What was yielded is in the ledger before the attempt's end is known, whichever it is.
 */
import { type FailureCode, FinalError, type Policy, limits } from "@raincheck/protocol";

import type { Attempt } from "./attempt.ts";
import type { PayloadCodec } from "./payload-codec.ts";

/** What {@link drainYields} needs to know of the run. */
export interface DrainOptions {
  readonly attempt: Attempt;
  readonly codec: PayloadCodec;
  readonly policy: Pick<Policy, "maxYields" | "maxYieldedBytes">;
  readonly signal: AbortSignal | undefined;
  /** Is told, once, of a value behind a commit: nothing can follow on the event that the commit has ended the call with. */
  readonly onLate: () => void;
}

/** Whether a resolver streams: it returned what can be iterated in time. */
export function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, Symbol.asyncIterator) === "function";
}

/** Whether a resolver is an `async function*`, so that it is known to stream before it is called. */
export function isGeneratorFunction(resolver: unknown): boolean {
  return Object.prototype.toString.call(resolver) === "[object AsyncGeneratorFunction]";
}

/** Takes everything that is yielded, and resolves with what is returned. Rejects with what was thrown, or the signal's reason. */
export async function drainYields(
  stream: AsyncIterable<unknown>,
  { attempt, codec, policy, signal, onLate }: DrainOptions,
): Promise<unknown> {
  const { yields } = attempt;
  signal?.throwIfAborted();
  const count = counted(policy);
  let isLate = false;
  const iterator: AsyncIterator<unknown, unknown> = stream[Symbol.asyncIterator]();
  const end = async (): Promise<void> => {
    try {
      await iterator.return?.();
    } catch {
      // It has failed already, or was told to stop: why it did is known.
    }
  };
  // Queues behind the step that is under way.
  const abort = (): void => void end();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    for (;;) {
      const step = await iterator.next();
      if (step.done === true) {
        await yields.flush();
        return step.value;
      }
      signal?.throwIfAborted();
      const payload = codec.encode(step.value, { subject: "yield", maxBytes: limits.yieldBytes });
      count(payload);
      if (attempt.committed === null) await yields.put(payload);
      else if (!isLate) onLate();
      isLate = attempt.committed !== null;
      signal?.throwIfAborted();
    }
  } catch (error) {
    await end();
    await yields.flush().catch(() => undefined);
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** Counts what one attempt yields, and throws when it is too much. */
function counted({ maxYields, maxYieldedBytes }: DrainOptions["policy"]): (payload: string) => void {
  let values = 0;
  let bytes = 0;
  const refuse = (sentence: string): never => {
    throw new FinalError(`The attempt yielded more than ${sentence}.`, { code: "TOO_MANY_YIELDS" satisfies FailureCode });
  };
  return (payload) => {
    values += 1;
    bytes += Buffer.byteLength(payload);
    if (values > maxYields) refuse(`${maxYields} values, which is the policy's maxYields`);
    if (bytes > maxYieldedBytes) refuse(`${maxYieldedBytes} bytes, which is the policy's maxYieldedBytes`);
  };
}
