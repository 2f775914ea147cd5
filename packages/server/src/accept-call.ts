import type { NewCall, Reader } from "@raincheck/engine";
import { type Policy, type StartedCall, type StartOptions, limits } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";

import { readerOf } from "./access.ts";
import { type CarryingContext, scopeKey } from "./carried-in-context.ts";
import { type EarlyListener, listenEarly } from "./end-listener.ts";
import { contextCodec } from "./payload-codec.ts";
import { PayloadRefused } from "./payload-refused.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import { type StartKey, takeStartKey } from "./start-key.ts";
import { readSafely } from "./read-safely.ts";
import { resolveStartOptions } from "./start-options.ts";
import { toTrpcError } from "./to-trpc-error.ts";
import type { RawResolverOptions } from "./trpc-internals.ts";

/** A call to accept, where its resolver would have run. */
export interface CallToAccept {
  readonly policy: Policy;
  readonly raw: RawResolverOptions;
  /** Whether the resolver is an `async function*`. */
  readonly streams: boolean;
  readonly options: StartOptions;
  /** The caller's own open transaction; `undefined`: that of the commit within which it is started, if there is one. */
  readonly transaction: unknown;
  /** The reply queues to which its end is told. */
  readonly replyQueues: readonly string[];
  /** Whether whoever starts it may wait for its end at once. */
  readonly listen: boolean;
}

/** A call that was accepted, and who may follow it. */
export interface AcceptedCall {
  readonly call: StartedCall;
  readonly reader: Reader;
  /** Listens since before it was accepted; `null`: nobody does. */
  readonly early: EarlyListener | null;
}

/**
 * Makes a call durable. What is kept is the input as it came, so that the worker runs all validation again. Started with the context
 * of an attempt, it is that attempt's child.
 *
 * @throws {TRPCError} `BAD_REQUEST` and `PAYLOAD_TOO_LARGE` for what cannot be kept, `CONFLICT` for an idempotency key that names
 *   a call with another input, `SERVICE_UNAVAILABLE` and `TOO_MANY_REQUESTS` when the engine cannot take it.
 * @throws what the database threw in the caller's own transaction, as it is.
 * @throws {StaleAttempt} when it is started by an attempt that does not run its call any more.
 */
export async function acceptCall(
  core: RaincheckCore,
  { policy, raw, streams, options, transaction, replyQueues, listen }: CallToAccept,
): Promise<AcceptedCall> {
  const { codecs } = core.bound();
  const reader = readerOf(core, raw.ctx);
  const input = await raw.getRawInput();
  refuseStreams(input, raw.path);
  const scope = (raw.ctx as CarryingContext)[scopeKey];
  const starter = scope?.attemptOf(core.engine) ?? null;
  let ownKey: StartKey | undefined;
  let early: EarlyListener | null = null;
  try {
    const resolved = resolveStartOptions(options, policy);
    const payload = codecs.input.encode(input, { subject: "input", maxBytes: policy.maxInputBytes });
    const captured = await captureContext(core, raw.ctx);
    const inTransaction = transaction === undefined ? scope?.transactionOf(core.engine) : transaction;
    if (starter !== null && inTransaction === undefined && resolved.idempotencyKey === null)
      ownKey = takeStartKey(starter, raw.path, payload);
    const newCall: NewCall = {
      id: core.newCallId(),
      path: raw.path,
      queue: policy.queue,
      principal: reader.principal,
      input: payload,
      context: captured,
      concurrency: policy.concurrency,
      retentionMs: policy.retentionMs,
      replyQueues,
      startedBy: starter === null ? null : { id: starter.id, attempt: starter.attempt },
      ...resolved,
      idempotencyKey: resolved.idempotencyKey ?? ownKey?.key ?? null,
    };
    if (listen && inTransaction === undefined) early = listenEarly(core.reads, newCall.id);
    const acceptance = await core.engine.accept(newCall, { transaction: inTransaction }).catch((error: unknown) => {
      if (transaction !== undefined && isOfDatabase(error)) core.transactionErrors.add(error);
      throw error;
    });
    const { id, state, created } = acceptance;
    if (created && state === "queued") setImmediate(() => early?.stop());
    else early?.stop();
    const call: StartedCall = { id, path: raw.path, state, created, ...(streams && { streams }) };
    core.acceptedAnswers.add(call);
    return { call, reader, early };
  } catch (error) {
    ownKey?.release();
    early?.stop();
    if (typeof error === "object" && error !== null) core.engineErrors.add(error);
    throw toTrpcError(error);
  }
}

/** Whether the engine has passed on what it was thrown; its own errors have a tag. */
function isOfDatabase(error: unknown): error is object {
  return typeof error === "object" && error !== null && readSafely(error, "_tag") === undefined;
}

async function captureContext(core: RaincheckCore, context: object): Promise<string> {
  const captured: unknown = await core.capture(context);
  try {
    return contextCodec.encode(captured, { subject: "context", maxBytes: limits.contextBytes });
  } catch (cause) {
    // The application's fault, not the caller's; what it captured is none of the caller's business either.
    if (cause instanceof PayloadRefused)
      throw new TRPCError({ code: "INTERNAL_SERVER_ERROR", message: "What capture() returned cannot be kept.", cause });
    throw cause;
  }
}

function refuseStreams(input: unknown, path: string): void {
  const kind = Object.prototype.toString.call(input).slice(8, -1);
  if (!["FormData", "File", "Blob", "ReadableStream"].includes(kind)) return;
  throw new TRPCError({
    code: "BAD_REQUEST",
    message: `The procedure ${JSON.stringify(path)} was called in async mode with a ${kind} as its input, which cannot be kept. Store it first, and pass its name or address instead.`,
  });
}
