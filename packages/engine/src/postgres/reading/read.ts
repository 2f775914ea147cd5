import { type CallId, type CallState, type Failure, InvalidOption, isCallId } from "@raincheck/protocol";
import type { PendingQuery, Row } from "postgres";
import type { CallRecord, ListPage, ListQuery, Reader } from "../../call-record.ts";
import type { Ledger } from "../ledger.ts";
import type { Executor } from "../sessions/transaction.ts";
import { whileAvailable } from "../sessions/unavailable.ts";

interface CallRow {
  readonly id: string;
  readonly path: string;
  readonly queue: string;
  readonly principal: string | null;
  readonly parent: string | null;
  readonly repeats: string | null;
  readonly tells: string | null;
  readonly state: CallState;
  readonly seq: number;
  readonly attempt: number;
  readonly progress: string | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
  readonly output?: string | null;
  readonly failure: string | null;
  readonly cancel_reason: string | null;
}

/** See `Engine.read`. */
export async function read({ schema, control }: Ledger, id: CallId, reader: Reader): Promise<CallRecord | null> {
  const [row] = await whileAvailable("read", () =>
    control.use(
      (sql) => sql<CallRow[]>`
      select id, path, queue, principal, ${seenParent(schema, sql, reader)} as parent, ${seenRepeats(sql, reader)} as repeats, tells, state, seq, attempt, progress, created_at, started_at, ended_at, output, failure, cancel_reason
      from ${sql(schema)}.call
      where id = ${id} and (principal is null or principal = ${reader.principal})`,
    ),
  );
  return row === undefined ? null : toRecord(row);
}

/** See `Engine.list`. The cursor is the place of the page's last call: `<created_at in microseconds>.<id>`. */
export async function list({ schema, control }: Ledger, reader: Reader, query: ListQuery): Promise<ListPage> {
  if (reader.principal === null) return { calls: [], nextCursor: null };
  const after = parseCursor(query.cursor);
  const rows = await whileAvailable("list", () =>
    control.use(
      (sql) => sql<(CallRow & { created_us: string })[]>`
      select id, path, queue, principal, ${seenParent(schema, sql, reader)} as parent, ${seenRepeats(sql, reader)} as repeats, tells, state, seq, attempt, progress, created_at, started_at, ended_at, failure, cancel_reason,
        (extract(epoch from created_at) * 1000000)::bigint as created_us
      from ${sql(schema)}.call
      where principal = ${reader.principal}
        ${query.path === null ? sql`` : sql`and path = ${query.path}`}
        ${query.state === null ? sql`` : sql`and state = ${query.state}`}
        ${query.tells === undefined ? sql`` : sql`and tells = ${query.tells}`}
        ${after === null ? sql`` : sql`and (created_at, id) < ('epoch'::timestamptz + ${after.createdUs}::bigint * interval '1 microsecond', ${after.id}::uuid)`}
      order by created_at desc, id desc
      limit ${query.limit + 1}`,
    ),
  );
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  return {
    calls: page.map(toRecord),
    nextCursor: rows.length > query.limit && last !== undefined ? `${last.created_us}.${last.id}` : null,
  };
}

/** The id of a call's parent, if that is kept and the reader's own. */
function seenParent(schema: string, sql: Executor, { principal }: Reader): PendingQuery<Row[]> {
  return sql`(select parent.id from ${sql(schema)}.call as parent where parent.id = call.parent_id and parent.principal = ${principal})`;
}

/** The id of the call that a call repeats, if that is the reader's own. */
function seenRepeats(sql: Executor, { principal }: Reader): PendingQuery<Row[]> {
  return sql`case when principal = ${principal} then repeats end`;
}

const cursorPattern = /^(\d{1,17})\.([0-9a-f-]{36})$/;

/** @throws {InvalidOption} for what no page gave. */
function parseCursor(cursor: string | null): { createdUs: string; id: string } | null {
  if (cursor === null) return null;
  const [, createdUs, id] = cursorPattern.exec(cursor) ?? [];
  if (createdUs === undefined || !isCallId(id)) throw new InvalidOption("cursor", cursor, "the nextCursor of a page");
  return { createdUs, id };
}

function toRecord(row: CallRow): CallRecord {
  return {
    id: row.id,
    path: row.path,
    queue: row.queue,
    principal: row.principal,
    parent: row.parent,
    repeats: row.repeats,
    tells: row.tells,
    state: row.state,
    seq: row.seq,
    attempt: row.attempt,
    progress: row.progress,
    createdAt: row.created_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
    output: row.output ?? null,
    failure: row.failure === null ? null : (JSON.parse(row.failure) as Failure),
    cancelReason: row.cancel_reason,
  };
}
