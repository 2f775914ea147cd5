/**
 * A reply tells somebody of the end of a call. It is a call itself, which the engine makes in the step that ends the other: so it is there
 * if and when that has ended, and delivery, attempts, lease, fence, retries and dead letters are what they are of any call.
 *
 * Replies stand apart from what callers start: in queues, at paths and of owners whose names no application can give to its own.
 */
import type { CallId, Failure, TerminalState } from "@raincheck/protocol";
import type { Payload } from "./payload.ts";

/** The input of a reply: how a call ended. Unlike other inputs it is the engine's own, and JSON. */
export interface StoredReply {
  /** Of the call that ended. */
  readonly id: CallId;
  readonly path: string;
  readonly principal: string | null;
  /** The call that it repeats; `null`: none. */
  readonly repeats: CallId | null;
  readonly state: TerminalState;
  /** The number of its last attempt. */
  readonly attempt: number;
  /** ISO 8601. */
  readonly endedAt: string;
  /** Only when `succeeded`; still encoded. */
  readonly output: Payload | null;
  /** Only when `failed` or `expired`. */
  readonly failure: Failure | null;
  /** Only when `cancelled`. */
  readonly cancelReason: string | null;
}

/** Where the replies of a queue are, in the terms of calls. */
export interface ReplyPlace {
  /** What a worker claims. */
  readonly queue: string;
  /** Whose calls they are. */
  readonly principal: string;
  /** What their paths begin with; the path of the call that has ended follows. */
  readonly pathPrefix: string;
}

const ownerPrefix = "~reply/";

/** The place of a reply queue's replies. Of queues as applications name them none has a `/`. */
export function replyPlace(queue: string): ReplyPlace {
  return { queue: `reply/${queue}`, principal: `${ownerPrefix}${queue}`, pathPrefix: `${ownerPrefix}${queue}/` };
}

/**
 * A reply that was taken is kept for so long at most, in milliseconds: nobody asks for it but its own worker, after a lost answer. One that was
 * given up is kept for as long as the call that it tells of.
 */
export const takenReplyKeptMs = 600_000;

/** Whether a principal, or a path, is one of replies. */
export function isOfReplies(name: string): boolean {
  return name.startsWith(ownerPrefix);
}

/** The reply queue, and the path of the call that ended, of a reply's path; `null`: it is no reply's. */
export function parseReplyPath(path: string): { readonly queue: string; readonly path: string } | null {
  const slash = isOfReplies(path) ? path.indexOf("/", ownerPrefix.length) : -1;
  return slash === -1 ? null : { queue: path.slice(ownerPrefix.length, slash), path: path.slice(slash + 1) };
}

/** Reads the input of a reply. */
export function parseReply(input: Payload): StoredReply {
  const reply = JSON.parse(input) as StoredReply;
  return { ...reply, endedAt: new Date(reply.endedAt).toISOString() };
}
