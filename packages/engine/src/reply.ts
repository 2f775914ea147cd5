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

/**
 * What takes replies: the application's own consumers, or what posts them to a webhook's endpoint.
 */
export type ReplyKind = "reply" | "webhook";

/** Where the replies of a name are, in the terms of calls. */
export interface ReplyPlace {
  /** What a worker claims, and what a call names that tells its end there. */
  readonly queue: string;
  /** Whose calls they are. */
  readonly principal: string;
  /** What their paths begin with; the path of the call that has ended follows. */
  readonly pathPrefix: string;
}

/** The place of the replies of a reply queue, or of a webhook's endpoint. Of queues as applications name them none has a `/`. */
export function replyPlace(name: string, kind: ReplyKind = "reply"): ReplyPlace {
  return placeOfQueue(`${kind}/${name}`);
}

/** What the queues of webhooks begin with. */
const webhookQueues = replyPlace("", "webhook").queue;

/** The place of the replies that are claimed from a queue. */
export function placeOfQueue(queue: string): ReplyPlace {
  return { queue, principal: `~${queue}`, pathPrefix: `~${queue}/` };
}

/**
 * A reply that was taken is kept for so long at most, in milliseconds: nobody asks for it but its own worker, after a lost answer. One that was
 * given up is kept for as long as the call that it tells of, and so is what was posted to a webhook's endpoint, because there is no other log of
 * it, and it may be posted again.
 */
export const takenReplyKeptMs = 600_000;

/**
 * Of the replies to one webhook's endpoint that tell of one procedure so many are posted at once, over all workers: a slot that waits for an
 * endpoint which hangs is one that no other call gets.
 */
const webhookConcurrency = 8;

/** {@link webhookConcurrency} for the queues of webhooks, `null` for others: as in `NewCall`. */
export function concurrencyOfReplies(queue: string): number | null {
  return queue.startsWith(webhookQueues) ? webhookConcurrency : null;
}

/** What the paths of messages to webhooks begin with. */
export const webhookPathPrefix = replyPlace("", "webhook").principal;

/** So many workers of a message to a webhook may die, which it can do nothing about, before it is given up: in place of `limits.crashes`. */
export const webhookCrashes = 100;

/** What the paths of replies begin with that are kept no longer than {@link takenReplyKeptMs} once they are taken. */
export const soonForgottenPrefix = replyPlace("").principal;

const replyPathPattern = /^~(reply|webhook)\/([^/]*)\/(.*)$/s;

/** Whether a principal is one of replies. */
export function isOfReplies(principal: string): boolean {
  return replyPathPattern.test(`${principal}/`);
}

/** What takes it, and the path of the call that ended, of a reply's path; `null`: it is no reply's. */
export function parseReplyPath(path: string): { readonly kind: ReplyKind; readonly name: string; readonly path: string } | null {
  const [, kind, name, ended] = replyPathPattern.exec(path) ?? [];
  return kind === undefined ? null : { kind: kind as ReplyKind, name: name!, path: ended! };
}

/** Reads the input of a reply. */
export function parseReply(input: Payload): StoredReply {
  const reply = JSON.parse(input) as StoredReply;
  return { ...reply, endedAt: new Date(reply.endedAt).toISOString() };
}
