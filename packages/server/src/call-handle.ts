import { type CallEvent, type CallId, type CallSnapshot, type HandleJson, InvalidOption } from "@raincheck/protocol";

import { abortableGenerator } from "./abortable-generator.ts";
import type { AcceptedCall } from "./accept-call.ts";
import { callNotFound } from "./access.ts";
import { awaitEnd } from "./await-end.ts";
import { decodeEvent, outputOf, toSnapshot } from "./decode-call.ts";
import { followCalls } from "./follow-calls.ts";
import { cancelReason, cursorOf } from "./parse-requests.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import { forCaller, toTrpcError } from "./to-trpc-error.ts";

/**
 * A call that was started in this process. It reads with the principal that started it. A call started in a transaction is
 * `NOT_FOUND` until that has committed.
 *
 * @typeParam TOutput what the procedure returns, as it comes back from the ledger.
 * @typeParam TYield what a streaming procedure yields; `never` for any other.
 */
export interface CallHandle<TOutput = unknown, TYield = never> extends HandleJson {
  readonly id: CallId;
  /** The procedure's path. */
  readonly path: string;
  /** `false` when the idempotency key named a call that existed. */
  readonly created: boolean;

  /**
   * The output, when the call has ended.
   *
   * @param options.signal stops the waiting, not the call; rejects with the signal's reason.
   * @throws {CallFailed | CallCancelled | CallExpired} when the call ended without an output.
   * @throws {TRPCError} `NOT_FOUND` when it is no longer kept, `SERVICE_UNAVAILABLE` when the engine does not answer.
   */
  result(options?: { readonly signal?: AbortSignal }): Promise<TOutput>;

  /**
   * The events of the call, from the first to the terminal one. What a streaming procedure yields comes as `yielded` events; those of an
   * attempt that was not the last carry its number, so that they can be dropped when the next has started.
   *
   * @param options.after the `seq` of the last event that is known. Default 0.
   * @param options.signal ends the iteration.
   * @throws {TRPCError} at the first step: `BAD_REQUEST` for an `after` that is no `seq`, or one that the call has not come to.
   */
  events(options?: {
    readonly after?: number;
    readonly signal?: AbortSignal;
  }): AsyncGenerator<CallEvent<TOutput, unknown, TYield>, void, undefined>;

  /** The call as it is now. */
  get(): Promise<CallSnapshot<TOutput>>;

  /**
   * Cancels the call.
   *
   * @param reason for the caller and the log; at most `limits.cancelReasonChars` characters.
   * @returns `false` when it had already ended.
   */
  cancel(reason?: string): Promise<boolean>;

  /** `{ id, path }`: what names the call. It holds no secret and no right. */
  toJSON(): HandleJson;
}

/** Makes the handle of a call. */
export function callHandle(core: RaincheckCore, { call, reader, early }: AcceptedCall): CallHandle<unknown, unknown> {
  const { engine } = core;
  const codec = core.bound().codecs.output;
  const { id, path, created } = call;
  return {
    id,
    path,
    created,
    async result({ signal } = {}) {
      const record = await forCaller(() => awaitEnd(core.reads, id, { reader, signal, from: early?.take() ?? null }));
      if (record === null) throw callNotFound();
      return outputOf(record, codec);
    },
    events({ after = 0, signal } = {}) {
      async function* events(leaving: AbortSignal): AsyncGenerator<CallEvent, void, undefined> {
        try {
          for await (const one of followCalls(core.reads, { calls: [{ id, after: cursorOf(after, "after") }], reader }, leaving)) {
            if ("event" in one) yield decodeEvent(one.event, codec);
            else if (one.refused === "NOT_FOUND") throw callNotFound();
            else throw new InvalidOption("after", after, "the seq of an event of this call, or 0: it has not come to this one");
          }
        } catch (error) {
          throw toTrpcError(error);
        }
      }
      return abortableGenerator(events, signal);
    },
    async get() {
      const record = await forCaller(() => engine.read(id, reader));
      if (record === null) throw callNotFound();
      return toSnapshot(record, codec);
    },
    async cancel(reason) {
      const cancellation = await forCaller(async () => await engine.cancel(id, reader, reason === undefined ? null : cancelReason(reason)));
      if (cancellation === null) throw callNotFound();
      return cancellation.cancelled;
    },
    toJSON: () => ({ id, path }),
  };
}
