/** What became of the replies of one place, and how one is delivered again. */
import { type CallRecord, type ListPage, type RepeatKind, type ReplyPlace, concurrencyOfReplies } from "@raincheck/engine";
import { type CallId, type CallState, isCallId, wholeNumber } from "@raincheck/protocol";

import { callNotFound } from "./access.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import { notRepeatable } from "./repeat-call.ts";
import { forCaller } from "./to-trpc-error.ts";

/** Which page of them. */
export interface PageQuery {
  /** The `nextCursor` of the page before. Default: from the newest. */
  readonly cursor?: string | undefined;
  /** From 1 to 100. Default 20. */
  readonly limit?: number | undefined;
}

/** See the file's head. */
export interface ReplyLog {
  /** The newest first. */
  list(query: PageQuery & { readonly state?: CallState | undefined; readonly tells?: CallId | undefined }): Promise<ListPage>;
  /**
   * @returns the reply that does it again, and whether it was made just now.
   * @throws {TRPCError} `NOT_FOUND` for what is none of this place, `CONFLICT` for one that cannot be repeated so.
   */
  repeat(id: CallId, by: RepeatKind): Promise<{ readonly id: CallId; readonly created: boolean }>;
}

/** Makes the log of a place. */
export function replyLog(core: RaincheckCore, place: ReplyPlace): ReplyLog {
  const { engine } = core;
  const reader = { principal: place.principal };
  return {
    list({ cursor = null, limit = 20, state, tells }) {
      const query = { path: null, state: state ?? null, tells, cursor, limit: wholeNumber(limit, "limit", { min: 1, max: 100 }) };
      return forCaller(() => engine.list(reader, query));
    },
    async repeat(id, by) {
      const record: CallRecord | null = isCallId(id) ? await forCaller(() => engine.read(id, reader)) : null;
      if (record === null) throw callNotFound();
      const limits = { priority: 0, startByMs: null, deadlineMs: null, retentionMs: null, concurrency: concurrencyOfReplies(place.queue) };
      const repetition = await forCaller(() => engine.repeat(id, reader, { id: core.newCallId(), by, queue: place.queue, ...limits }));
      if (repetition === null) throw callNotFound();
      if (!repetition.repeated) throw notRepeatable(by, repetition.state);
      return repetition;
    },
  };
}
