/**
 * Writing replies, in the very statement that ends their calls: each such statement returns {@link endOf} with its rows, writes what
 * {@link replies} gives, and is followed by {@link wakeReplies}.
 *
 * A reply has no delivery. It is born set aside (see `set-aside.ts`), from where a claim takes it by its path: so it needs no second
 * statement, and no transaction where there was none. A call that wants no reply pays for two empty columns.
 */
import type { PendingQuery, Row } from "postgres";
import { concurrencyOfReplies, placeOfQueue, replyPlace, soonForgottenPrefix } from "../../reply.ts";
import { noteAside } from "../aside/aside-paths.ts";
import type { Ledger } from "../ledger.ts";
import type { Executor } from "../sessions/transaction.ts";

/** What a statement that ends calls answers of each. */
export interface RepliedRow {
  readonly path: string;
  /** Where its end was told; `null`: nowhere. */
  readonly reply_queues: readonly string[] | null;
}

/** Whether `call` is kept for a while only, once it is taken. */
export function isSoonForgotten(sql: Executor): PendingQuery<Row[]> {
  return sql`call.path like ${`${soonForgottenPrefix}%`}`;
}

/** Columns for the `returning` of an update of `call` that ends some of its rows: what a reply needs of them. */
export function endOf(sql: Executor): PendingQuery<Row[]> {
  const isOwed = sql`call.reply_queues is not null and call.state not in ('queued', 'running')`;
  return sql`
    call.path, call.priority, call.retention_ms,
    case when ${isOwed} then call.reply_queues end as reply_queues,
    case when ${isOwed} then json_build_object(
      'id', call.id, 'path', call.path, 'principal', call.principal, 'repeats', call.repeats, 'state', call.state, 'attempt', call.attempt,
      'endedAt', call.ended_at, 'output', call.output, 'failure', call.failure::json, 'cancelReason', call.cancel_reason
    )::text end as reply`;
}

/**
 * The parts of a `with` that write the replies.
 *
 * @param ended the part that has updated the calls, and returns their `id` beside {@link endOf}.
 */
export function replies(schema: string, sql: Executor, ended: string): PendingQuery<Row[]> {
  const webhooks = replyPlace("", "webhook").queue;
  return sql`
    reply as (
      insert into ${sql(schema)}.call
        (id, path, queue, principal, state, seq, priority, input, context, input_hash, created_at, due_at, retention_ms, aside_attempt, concurrency, tells)
      select gen_random_uuid(), '~' || reply_queue || '/' || path, reply_queue, '~' || reply_queue,
        'queued', 1, priority, reply, 'null', ''::bytea, now(), now(), retention_ms, 0,
        case when starts_with(reply_queue, ${webhooks}) then ${concurrencyOfReplies(webhooks)}::int end, id
      from ${sql(ended)}, unnest(reply_queues) as reply_queue where reply is not null
    )`;
}

/** Wakes who takes replies, here and elsewhere, once they are committed. */
export function wakeReplies(ledger: Pick<Ledger, "aside" | "wakes">, rows: readonly RepliedRow[]): void {
  const pairs = new Map<string, { readonly queue: string; readonly path: string }>();
  for (const { path, reply_queues } of rows) {
    for (const replyQueue of reply_queues ?? []) {
      const { queue, pathPrefix } = placeOfQueue(replyQueue);
      pairs.set(`${pathPrefix}${path}`, { queue, path: `${pathPrefix}${path}` });
    }
  }
  if (pairs.size === 0) return;
  noteAside(ledger, [...pairs.values()]);
  ledger.wakes.aside([...pairs.values()]);
}
