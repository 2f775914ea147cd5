/** Reply queues: who takes their replies, and what became of those that nobody could take. */
import { type CallRecord, parseReplyPath, replyPlace } from "@raincheck/engine";
import {
  type CallId,
  type Failure,
  InvalidOption,
  type Policy,
  isCallId,
  queueName,
  refuseUnknownOptions,
  resolvePolicy,
  wholeNumber,
} from "@raincheck/protocol";

import { callNotFound } from "./access.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import { notRepeatable } from "./repeat-call.ts";
import type { Reply, ReplyHandler, ReplyOptions } from "./reply.ts";
import { forCaller } from "./to-trpc-error.ts";

/** A reply that was given up. It is kept for as long as the call that it tells of would be. */
export interface DeadReply {
  /** Of the reply itself: what {@link ReplyQueue.retry} takes. */
  readonly id: CallId;
  /** The path of the procedure whose call it tells of. */
  readonly path: string;
  readonly failure: Failure;
  /** Attempts at it. */
  readonly attempts: number;
  readonly endedAt: Date;
}

/** A reply queue with its consumers: what `raincheck.replies()` returns. */
export interface ReplyQueue {
  readonly queue: string;
  /**
   * The replies that were given up, the newest first.
   *
   * @param page.cursor the `nextCursor` of the page before. @param page.limit from 1 to 100. Default 20.
   */
  deadLetters(page?: {
    readonly cursor?: string;
    readonly limit?: number;
  }): Promise<{ readonly replies: readonly DeadReply[]; readonly nextCursor: string | null }>;
  /**
   * Delivers a reply that was given up once more, with attempts of its own.
   *
   * @returns `false` when that was done before.
   * @throws {TRPCError} `NOT_FOUND` for what is none of this queue, `CONFLICT` for one that was not given up.
   */
  retry(id: CallId): Promise<boolean>;
}

/** What is registered for a queue. */
export interface ReplyConsumer {
  readonly policy: Policy;
  readonly handlers: ReadonlyMap<string, ReplyHandler<Reply, unknown>>;
}

/** Registers the consumers of a queue. */
export function consumeReplies(
  core: RaincheckCore,
  queue: string,
  { handlers, options = {} }: { readonly handlers: object; readonly options: ReplyOptions | undefined },
): ReplyQueue {
  const place = replyPlace(queueName(queue, "queue"));
  if (typeof handlers !== "object" || handlers === null) throw new InvalidOption("handlers", handlers, "an object of functions by path");
  const byPath = new Map<string, ReplyHandler<Reply, unknown>>(Object.entries(handlers));
  for (const [path, handler] of byPath)
    if (typeof handler !== "function") throw new InvalidOption(`handlers[${JSON.stringify(path)}]`, handler, "a function");
  if (core.replyConsumers.has(queue))
    throw new Error(`raincheck.replies(${JSON.stringify(queue)}) was called twice. Put all handlers of a queue into one.`);
  refuseUnknownOptions(options, ["timeout", "retry"], "options.");
  const policy = resolvePolicy(options);
  core.replyConsumers.set(queue, { policy, handlers: byPath });

  const { engine } = core;
  const reader = { principal: place.principal };
  return {
    queue,
    async deadLetters({ cursor = null, limit = 20 }: { readonly cursor?: string | null; readonly limit?: number } = {}) {
      const query = { path: null, state: "failed", cursor, limit: wholeNumber(limit, "limit", { min: 1, max: 100 }) } as const;
      const page = await forCaller(() => engine.list(reader, query));
      return { replies: page.calls.map(toDeadReply), nextCursor: page.nextCursor };
    },
    async retry(id) {
      const by = { type: "retry" } as const;
      const record = isCallId(id) ? await forCaller(() => engine.read(id, reader)) : null;
      if (record === null) throw callNotFound();
      const { retentionMs } = policy;
      const limits = { priority: 0, concurrency: null, startByMs: null, deadlineMs: null, retentionMs };
      const repetition = await forCaller(() => engine.repeat(id, reader, { id: core.newCallId(), by, queue: place.queue, ...limits }));
      if (repetition === null) throw callNotFound();
      if (!repetition.repeated) throw notRepeatable(by, repetition.state);
      return repetition.created;
    },
  };
}

function toDeadReply({ id, path, failure, attempt, endedAt }: CallRecord): DeadReply {
  return { id, path: parseReplyPath(path)?.path ?? path, failure: failure!, attempts: attempt, endedAt: new Date(endedAt!) };
}
