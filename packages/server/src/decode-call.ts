import type { CallRecord, Payload, StoredEvent } from "@raincheck/engine";
import { CallCancelled, CallExpired, CallFailed, type CallEvent, type CallSnapshot } from "@raincheck/protocol";

import type { PayloadCodec } from "./payload-codec.ts";
import { toTrpcError } from "./to-trpc-error.ts";

/** A call as callers see it: its payloads decoded, and only what its state has. */
export function toSnapshot(record: CallRecord, codec: PayloadCodec): CallSnapshot {
  return {
    ...withoutOutput(record, codec),
    ...(record.state === "succeeded" && record.output !== null ? { output: decoded(record.output, codec) } : {}),
  };
}

/** A call as a list shows it. */
export function withoutOutput(record: CallRecord, codec: PayloadCodec): Omit<CallSnapshot, "output"> {
  const { id, path, parent, repeats, state, seq, attempt, createdAt, startedAt, endedAt, failure, cancelReason } = record;
  return {
    id,
    path,
    ...(parent === null ? {} : { parent }),
    ...(repeats === null ? {} : { repeats }),
    state,
    seq,
    attempt,
    progress: progressOf(record, codec),
    createdAt,
    startedAt,
    endedAt,
    ...(failure === null ? {} : { failure }),
    ...(state === "cancelled" ? { cancelReason } : {}),
  };
}

/** The latest progress; what cannot be read of it is left out, for the call does not depend on it. */
function progressOf({ progress }: CallRecord, codec: PayloadCodec): unknown {
  if (progress === null) return null;
  try {
    return codec.decode(progress);
  } catch {
    return null;
  }
}

/**
 * A payload's value.
 *
 * @throws {TRPCError} `SERVICE_UNAVAILABLE` when only a process of a later release can read it, else `INTERNAL_SERVER_ERROR`.
 */
function decoded(payload: Payload, codec: PayloadCodec): unknown {
  try {
    return codec.decode(payload);
  } catch (error) {
    throw toTrpcError(error);
  }
}

/** An event as callers see it: its payload decoded. */
export function decodeEvent(event: StoredEvent, codec: PayloadCodec): CallEvent {
  switch (event.type) {
    case "progress":
    case "yielded":
      return { ...event, value: decoded(event.value, codec) };
    case "succeeded":
      return { ...event, output: decoded(event.output, codec) };
    default:
      return event;
  }
}

/**
 * The output of a call that has ended.
 *
 * @throws {CallFailed | CallCancelled | CallExpired} when it ended without one.
 */
export function outputOf(record: CallRecord, codec: PayloadCodec): unknown {
  const call = { id: record.id, path: record.path };
  switch (record.state) {
    case "succeeded":
      return decoded(record.output!, codec);
    case "failed":
      throw new CallFailed(call, record.failure!);
    case "expired":
      throw new CallExpired(call, record.failure!);
    case "cancelled":
      throw new CallCancelled(call, record.cancelReason);
    default:
      throw new Error(`The call ${record.id} has not ended: it is ${record.state}.`);
  }
}
