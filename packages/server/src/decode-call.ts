import type { CallRecord, StoredEvent } from "@raincheck/engine";
import { CallCancelled, CallExpired, CallFailed, type CallEvent, type CallSnapshot } from "@raincheck/protocol";

import type { PayloadCodec } from "./payload-codec.ts";

/** A call as callers see it: its payloads decoded, and only what its state has. */
export function toSnapshot(record: CallRecord, codec: PayloadCodec): CallSnapshot {
  return {
    ...withoutOutput(record, codec),
    ...(record.state === "succeeded" && record.output !== null ? { output: codec.decode(record.output) } : {}),
  };
}

/** A call as a list shows it. */
export function withoutOutput(record: CallRecord, codec: PayloadCodec): Omit<CallSnapshot, "output"> {
  const { id, path, parent, state, seq, attempt, createdAt, startedAt, endedAt, failure, cancelReason } = record;
  return {
    id,
    path,
    ...(parent === null ? {} : { parent }),
    state,
    seq,
    attempt,
    progress: record.progress === null ? null : codec.decode(record.progress),
    createdAt,
    startedAt,
    endedAt,
    ...(failure === null ? {} : { failure }),
    ...(state === "cancelled" ? { cancelReason } : {}),
  };
}

/** An event as callers see it: its payload decoded. */
export function decodeEvent(event: StoredEvent, codec: PayloadCodec): CallEvent {
  switch (event.type) {
    case "progress":
      return { ...event, value: codec.decode(event.value) };
    case "succeeded":
      return { ...event, output: codec.decode(event.output) };
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
      return codec.decode(record.output!);
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
