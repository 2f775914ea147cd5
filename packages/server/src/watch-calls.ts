import type { Reader } from "@raincheck/engine";
import type { WatchMessage, WatchRequest } from "@raincheck/protocol";
import { type TrackedEnvelope, tracked } from "@trpc/server";

import { abortableGenerator } from "./abortable-generator.ts";
import { decodeEvent } from "./decode-call.ts";
import { type Cursor, followCalls } from "./follow-calls.ts";
import { currentSocket } from "./limit-web-socket-buffer.ts";
import { parseEventId } from "./parse-requests.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import type { Recheck } from "./recheck-access.ts";
import { toTrpcError } from "./to-trpc-error.ts";

/**
 * The events of some calls as tRPC's tracked events, with `"<call id>:<seq>"` as their ids: what a link that lost its connection
 * sends back as `lastEventId`, which continues that call behind its `seq`.
 *
 * Ends when all calls have ended; at once when the signal aborts; with its error when a recheck refuses.
 */
export function watchCalls(
  core: RaincheckCore,
  request: {
    readonly input: WatchRequest;
    readonly reader: Reader;
    readonly recheck: Recheck | undefined;
    readonly signal: AbortSignal | undefined;
  },
): AsyncGenerator<TrackedEnvelope<WatchMessage>, void, undefined> {
  const codec = core.bound().codecs.output;
  // In an async generator it would be too late: that begins when it is first read.
  const socket = currentSocket();
  const following = { calls: cursorsOf(request.input), reader: request.reader, recheck: request.recheck };

  async function* messages(signal: AbortSignal): AsyncGenerator<TrackedEnvelope<WatchMessage>, void, undefined> {
    try {
      for await (const one of followCalls(core.reads, following, signal)) {
        await socket?.taken(signal);
        yield "event" in one
          ? tracked(`${one.id}:${one.event.seq}`, { id: one.id, event: decodeEvent(one.event, codec) })
          : tracked(`${one.id}:${one.after}`, { id: one.id, refused: one.refused });
      }
      // Its connection ends with it, which is more work than an event: first the others hear of theirs.
      await core.reads.rest();
    } catch (error) {
      throw toTrpcError(error);
    }
  }

  return abortableGenerator(messages, request.signal);
}

function cursorsOf({ calls, lastEventId }: WatchRequest): readonly Cursor[] {
  const last = lastEventId === undefined ? null : parseEventId(lastEventId);
  return calls.map(({ id, after = 0 }) => ({ id, after: last?.id === id ? Math.max(after, last.seq) : after }));
}
