import type { StoredReply } from "@raincheck/engine";

import type { PayloadCodec } from "../payload-codec.ts";
import type { WebhookMessageOf } from "./message.ts";

/**
 * The text of the message that tells how a call ended. An output stands in it as it does in what tRPC answers over HTTP: JSON, of what the
 * router's transformer makes of it, if there is one.
 *
 * @param maxBytes from a longer text the output is left out.
 */
export function composeMessage(
  reply: StoredReply,
  { codec, maxBytes }: { readonly codec: PayloadCodec; readonly maxBytes: number },
): string {
  const { id, path, repeats, attempt, endedAt: timestamp } = reply;
  const told = { id, path, repeats, attempt };
  const textOf = (message: WebhookMessageOf): string => JSON.stringify(message);
  switch (reply.state) {
    case "succeeded": {
      const type = "call.succeeded";
      // Before it is parsed: that of a long one takes time, and memory.
      if (Buffer.byteLength(reply.output!) <= maxBytes) {
        const text = textOf({ type, timestamp, data: { ...told, output: codec.toWire(reply.output!), isOutputOmitted: false } });
        if (Buffer.byteLength(text) <= maxBytes) return text;
      }
      return textOf({ type, timestamp, data: { ...told, isOutputOmitted: true } });
    }
    case "cancelled":
      return textOf({ type: "call.cancelled", timestamp, data: { ...told, cancelReason: reply.cancelReason } });
    case "failed":
    case "expired":
      return textOf({ type: `call.${reply.state}`, timestamp, data: { ...told, failure: reply.failure! } });
    default:
      return reply.state satisfies never;
  }
}
