/**
 * Writing replies, in the very statement that ends their calls: each such statement returns {@link endOf} with its rows, writes what
 * {@link replies} gives beside its events, and is followed by {@link wakeReplies}.
 *
 * A reply has no delivery. It is born set aside (see `set-aside.ts`), from where a claim takes it by its path: so it needs no second
 * statement, and no transaction where there was none. A call that wants no reply pays for two empty columns.
 */
import type { PendingQuery, Row } from "postgres";
import { replyPlace } from "../../reply.ts";
import { noteAside } from "../aside/aside-paths.ts";
import type { Ledger } from "../ledger.ts";
import type { Executor } from "../sessions/transaction.ts";

/** What a statement that ends calls answers of each. */
export interface RepliedRow {
  readonly path: string;
  /** Where its end was told; `null`: nowhere. */
  readonly reply_queue: string | null;
}

/** Whether `call` is a reply itself. */
export function isReply(sql: Executor): PendingQuery<Row[]> {
  return sql`call.path like ${`${replyPlace("").principal}%`}`;
}

/** Columns for the `returning` of an update of `call` that ends some of its rows: what a reply needs of them. */
export function endOf(sql: Executor): PendingQuery<Row[]> {
  const isOwed = sql`call.reply_queue is not null and call.state not in ('queued', 'running')`;
  return sql`
    call.path, call.priority, call.retention_ms,
    case when ${isOwed} then call.reply_queue end as reply_queue,
    case when ${isOwed} then json_build_object(
      'id', call.id, 'path', call.path, 'principal', call.principal, 'repeats', call.repeats, 'state', call.state, 'attempt', call.attempt,
      'endedAt', call.ended_at, 'output', call.output, 'failure', call.failure::json, 'cancelReason', call.cancel_reason
    )::text end as reply`;
}

/**
 * The parts of a `with` that write the replies.
 *
 * @param ended the part that has updated the calls.
 */
export function replies(schema: string, sql: Executor, ended: string): PendingQuery<Row[]> {
  const { queue, principal, pathPrefix } = replyPlace("");
  const prefix = pathPrefix.slice(0, -1);
  return sql`
    reply as (
      insert into ${sql(schema)}.call
        (id, path, queue, principal, state, seq, priority, input, context, input_hash, created_at, due_at, retention_ms, aside_attempt)
      select gen_random_uuid(), ${prefix}::text || reply_queue || '/' || path, ${queue}::text || reply_queue, ${principal}::text || reply_queue,
        'queued', 1, priority, reply, 'null', ''::bytea, now(), now(), retention_ms, 0
      from ${sql(ended)} where reply is not null
      returning id
    ), reply_noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt)
      select id, 1, 'queued', now(), 0 from reply
    )`;
}

/** Wakes who takes replies, here and elsewhere, once they are committed. */
export function wakeReplies(ledger: Pick<Ledger, "aside" | "wakes">, rows: readonly RepliedRow[]): void {
  const pairs = new Map<string, { readonly queue: string; readonly path: string }>();
  for (const { path, reply_queue } of rows) {
    if (reply_queue === null) continue;
    const { queue, pathPrefix } = replyPlace(reply_queue);
    pairs.set(`${pathPrefix}${path}`, { queue, path: `${pathPrefix}${path}` });
  }
  if (pairs.size === 0) return;
  noteAside(ledger, [...pairs.values()]);
  ledger.wakes.aside([...pairs.values()]);
}
