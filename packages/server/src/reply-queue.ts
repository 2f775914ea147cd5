/** Reply queues: who takes their replies, and what became of those that nobody could take. */
import { type CallRecord, parseReplyPath, replyPlace } from "@raincheck/engine";
import { type CallId, type Failure, InvalidOption, type Policy, queueName, refuseUnknownOptions, resolvePolicy } from "@raincheck/protocol";

import type { RaincheckCore } from "./raincheck-core.ts";
import { type PageQuery, replyLog } from "./reply-log.ts";
import type { Reply, ReplyHandler, ReplyOptions } from "./reply.ts";

/** A reply that was given up. It is kept for as long as the call that it tells of would be. */
export interface DeadReply {
  /** Of the reply itself: what {@link ReplyQueue.retry} takes. */
  readonly id: CallId;
  /** The call that it tells of. */
  readonly call: CallId;
  /** The path of that call's procedure. */
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
  deadLetters(page?: PageQuery): Promise<{ readonly replies: readonly DeadReply[]; readonly nextCursor: string | null }>;
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
  if (core.hasWorker)
    throw new Error(
      `raincheck.replies(${JSON.stringify(queue)}) was called after runWorker(), whose worker would not take its replies. Call it before.`,
    );
  core.replyConsumers.set(queue, { policy, handlers: byPath });

  const log = replyLog(core, place);
  return {
    queue,
    async deadLetters(page = {}) {
      const { calls, nextCursor } = await log.list({ ...page, state: "failed" });
      return { replies: calls.map(toDeadReply), nextCursor };
    },
    retry: async (id) => (await log.repeat(id, { type: "retry" })).created,
  };
}

function toDeadReply({ id, tells, path, failure, attempt, endedAt }: CallRecord): DeadReply {
  return {
    id,
    call: tells!,
    path: parseReplyPath(path)?.path ?? path,
    failure: failure!,
    attempts: attempt,
    endedAt: new Date(endedAt!),
  };
}
