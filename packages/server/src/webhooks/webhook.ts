/** One webhook, as who runs the application sees it. */
import { type CallRecord, parseReplyPath, replyPlace } from "@raincheck/engine";
import { type CallId, type CallState, type Failure, InvalidOption, callStates, isCallId, refuseUnknownOptions } from "@raincheck/protocol";

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

/** Which messages, and which page of them. */
export interface MessagesQuery extends PageQuery {
  /** Those that tell of this call. Default: any. */
  readonly call?: CallId | undefined;
  /** Those in this state. Default: any. */
  readonly state?: CallState | undefined;
}

/** What `raincheck.webhook()` returns. */
export interface Webhook {
  readonly name: string;
  /**
   * The messages to the endpoint, the newest first. A `nextCursor` of `null` says that there are no more.
   *
   * @throws {InvalidOption} for a query that is not so.
   */
  messages(query?: MessagesQuery): Promise<{ readonly messages: readonly SentMessage[]; readonly nextCursor: string | null }>;
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
  requireWebhook(core, name, "name");
  const log = replyLog(core, replyPlace(name, "webhook"));
  return {
    name,
    async messages(query = {}) {
      const { call, ...page } = checkedQuery(query);
      const { calls, nextCursor } = await log.list({ ...page, tells: call });
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

function checkedQuery(query: MessagesQuery): MessagesQuery {
  if (typeof query !== "object" || query === null) throw new InvalidOption("query", query, "an object with call, state, cursor and limit");
  refuseUnknownOptions(query, ["call", "state", "cursor", "limit"], "query.");
  const { call, state } = query;
  if (call !== undefined && !isCallId(call)) throw new InvalidOption("query.call", call, "the id of a call");
  if (state !== undefined && !callStates.includes(state)) throw new InvalidOption("query.state", state, `one of ${callStates.join(", ")}`);
  return query;
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
