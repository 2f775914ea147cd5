/** One webhook, as who runs the application sees it. */
import { type CallRecord, parseReplyPath, replyPlace } from "@raincheck/engine";
import { type CallId, type CallState, type Failure, InvalidOption } from "@raincheck/protocol";

import type { RaincheckCore } from "../raincheck-core.ts";
import { type PageQuery, replyLog } from "../reply-log.ts";

/** A message to an endpoint, with all tries. It is kept for as long as the call that it tells of would be, from its own end. */
export interface SentMessage {
  /** Of the message itself: what {@link Webhook.retry} and {@link Webhook.replay} take. */
  readonly id: CallId;
  /** The call that it tells of: the message's `webhook-id`. */
  readonly call: CallId;
  /** The path of that call's procedure. */
  readonly path: string;
  /** `queued`: it waits for its first try, or the next; `succeeded`: the endpoint took it; `failed`: it was given up. */
  readonly state: CallState;
  /** Tries, the one under way included. */
  readonly attempts: number;
  /** Only when `failed`: how the last try went. */
  readonly failure: Failure | null;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

/** What `raincheck.webhook()` returns. */
export interface Webhook {
  readonly name: string;
  /**
   * The messages to the endpoint, the newest first.
   *
   * @param query.call those that tell of this call. Default: any.
   * @param query.state those in this state. Default: any.
   * @param query.cursor the `nextCursor` of the page before. @param query.limit from 1 to 100. Default 20.
   */
  messages(
    query?: PageQuery & { readonly call?: CallId; readonly state?: CallState },
  ): Promise<{ readonly messages: readonly SentMessage[]; readonly nextCursor: string | null }>;
  /**
   * Posts a message that was given up once more, under the same `webhook-id`, as a message of its own with tries of its own.
   *
   * @returns `false` when that was done before.
   * @throws {TRPCError} `NOT_FOUND` for what is none of this webhook, `CONFLICT` for one that was not given up.
   */
  retry(id: CallId): Promise<boolean>;
  /**
   * Posts a message again, whether it was taken or given up, under the same `webhook-id`.
   *
   * @returns the id of the new message.
   * @throws {TRPCError} `NOT_FOUND` for what is none of this webhook, `CONFLICT` while it is still under way.
   */
  replay(id: CallId): Promise<CallId>;
}

/** @throws {InvalidOption} for a name that `create()` was not given. */
export function webhookOf(core: RaincheckCore, name: string): Webhook {
  const { policy } = requireWebhook(core, name, "name");
  const log = replyLog(core, replyPlace(name, "webhook"), policy);
  return {
    name,
    async messages({ call, ...query } = {}) {
      const { calls, nextCursor } = await log.list({ ...query, tells: call });
      return { messages: calls.map(toSentMessage), nextCursor };
    },
    retry: async (id) => (await log.repeat(id, { type: "retry" })).created,
    replay: async (id) => (await log.repeat(id, { type: "replay", key: null })).id,
  };
}

/** @throws {InvalidOption} that names those there are. */
export function requireWebhook({ webhooks }: Pick<RaincheckCore, "webhooks">, name: string, option: string) {
  const endpoint = webhooks.get(name);
  if (endpoint !== undefined) return endpoint;
  const known = webhooks.size === 0 ? "none, because create() was given no webhooks" : [...webhooks.keys()].join(", ");
  throw new InvalidOption(option, name, `a webhook that initRaincheck….create() was given; there is: ${known}`);
}

function toSentMessage({ id, tells, path, state, attempt, failure, createdAt, endedAt }: CallRecord): SentMessage {
  return {
    id,
    call: tells!,
    path: parseReplyPath(path)?.path ?? path,
    state,
    attempts: attempt,
    failure,
    createdAt: new Date(createdAt),
    endedAt: endedAt === null ? null : new Date(endedAt),
  };
}
