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

interface ReadRow extends CallRow {
  readonly request: number;
  /** Whether its output is for the next answer. */
  readonly is_left: boolean;
}

/** One reader's question. */
export interface ReadRequest {
  readonly id: CallId;
  readonly reader: Reader;
}

/** Outputs of one answer come to so many bytes, and one more output, at most: calls whose output comes behind are asked for again. */
const answerBytes = 4 * 1_048_576;

/** Reads many calls in one statement. See `Engine.read`. */
export async function readCalls(ledger: Ledger, requests: readonly ReadRequest[]): Promise<(CallRecord | null)[]> {
  const rows = await whileAvailable("read", () => readRows(ledger, requests));
  const records: (CallRecord | null)[] = requests.map(() => null);
  for (const row of rows) records[row.request] = toRecord(row);
  const left = rows.filter(({ is_left }) => is_left).map(({ request }) => request);
  if (left.length === 0) return records;
  const others = await readCalls(
    ledger,
    left.map((index) => requests[index]!),
  );
  others.forEach((record, index) => (records[left[index]!] = record));
  return records;
}

function readRows({ schema, control }: Ledger, requests: readonly ReadRequest[]): Promise<ReadRow[]> {
  return control.use((sql) => {
    const isLeft = sql`call.output is not null and coalesce(sum(octet_length(call.output)) over earlier > ${answerBytes}, false)`;
    return sql<ReadRow[]>`
    select item.request, ${columns(schema, sql, sql`item.reader`)}, ${isLeft} as is_left, case when ${isLeft} then null else call.output end as output
    from unnest(
      ${requests.map((_, index) => index)}::int[], ${requests.map(({ id }) => id)}::uuid[], ${requests.map(({ reader }) => reader.principal)}::text[]
    ) as item (request, id, reader)
    join ${sql(schema)}.call on call.id = item.id and (call.principal is null or call.principal = item.reader)
    window earlier as (order by item.request rows between unbounded preceding and 1 preceding)`;
  });
}

/** See `Engine.list`. The cursor is the place of the page's last call: `<created_at in microseconds>.<id>`. */
export async function list({ schema, control }: Ledger, reader: Reader, query: ListQuery): Promise<ListPage> {
  if (reader.principal === null) return { calls: [], nextCursor: null };
  const after = parseCursor(query.cursor);
  const rows = await whileAvailable("list", () =>
    control.use(
      (sql) => sql<(CallRow & { created_us: string })[]>`
      select ${columns(schema, sql, sql`${reader.principal}::text`)},
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

/**
 * What a record is made of, without its output, as a principal may see it: the ids of its parent, if that is kept, and of the call that it
 * repeats only if they are that principal's own.
 */
function columns(schema: string, sql: Executor, principal: PendingQuery<Row[]>): PendingQuery<Row[]> {
  return sql`
    call.id, call.path, call.queue, call.principal,
    (select parent.id from ${sql(schema)}.call as parent where parent.id = call.parent_id and parent.principal = ${principal}) as parent,
    case when call.principal = ${principal} then call.repeats end as repeats, call.tells,
    call.state, call.seq, call.attempt, call.progress, call.created_at, call.started_at, call.ended_at, call.failure, call.cancel_reason`;
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
