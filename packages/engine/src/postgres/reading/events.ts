/**
 * Reading events behind a cursor, for many followers in one statement. One statement sees one snapshot: `lastSeq`, the events
 * and the output belong together.
 */
import type { CallEventType, Failure, RetryingEvent } from "@raincheck/protocol";
import { type EventPage, type Reader, type StoredEvent, eventPageBytes } from "../../call-record.ts";
import type { Ledger } from "../ledger.ts";
import { whileAvailable } from "../sessions/unavailable.ts";

/** Events of one call in one answer at most; the follower asks again from the last. */
const pageEvents = 500;

/** What the column holds; a cursor beyond it is no call's. */
const maxSeq = 2_147_483_647;

/** One follower's question. */
export interface EventsRequest {
  readonly id: string;
  readonly after: number;
  readonly reader: Reader;
}

interface EventRow {
  readonly request: number;
  readonly last_seq: number;
  /** `null` when the call has no event behind the cursor. */
  readonly seq: number | null;
  readonly type: CallEventType;
  readonly at: Date;
  readonly attempt: number;
  readonly body: string | null;
  readonly output: string | null;
  readonly failure: string | null;
  readonly cancel_reason: string | null;
}

/** Answers a batch of followers. */
export async function readEvents(ledger: Ledger, requests: readonly EventsRequest[]): Promise<(EventPage | null)[]> {
  const rows = await whileAvailable("events", () => readRows(ledger, requests));
  const pages: ({ lastSeq: number; events: StoredEvent[] } | null)[] = requests.map(() => null);
  for (const row of rows) {
    const page = (pages[row.request] ??= { lastSeq: row.last_seq, events: [] });
    if (row.seq !== null) page.events.push(toEvent(row, row.seq));
  }
  return pages;
}

function readRows({ schema, control }: Ledger, requests: readonly EventsRequest[]): Promise<EventRow[]> {
  return control.use(
    (sql) => sql<EventRow[]>`
    select item.request, call.seq as last_seq, event.seq, event.type, event.at, event.attempt, event.body,
      case event.type when 'succeeded' then call.output end as output,
      case when event.type in ('failed', 'expired') then call.failure end as failure,
      case event.type when 'cancelled' then call.cancel_reason end as cancel_reason
    from unnest(
      ${requests.map((_, index) => index)}::int[], ${requests.map(({ id }) => id)}::uuid[],
      ${requests.map(({ after }) => Math.min(after, maxSeq))}::int[], ${requests.map(({ reader }) => reader.principal)}::text[]
    ) as item (request, id, after, principal)
    join ${sql(schema)}.call on call.id = item.id and (call.principal is null or call.principal = item.principal)
    left join lateral (
      select * from (
        select *, sum(octet_length(body)) over (order by seq rows between unbounded preceding and 1 preceding) as bytes_before
        from (
          select * from ${sql(schema)}.call_event as event where call.seq > item.after and event.call_id = call.id and event.seq > item.after order by event.seq limit ${pageEvents}
        ) as next
      ) as counted where bytes_before is null or bytes_before < ${eventPageBytes}
    ) as event on true
    order by item.request, event.seq`,
  );
}

function toEvent(row: EventRow, seq: number): StoredEvent {
  const numbered = { seq, at: row.at.toISOString() };
  const { attempt } = row;
  switch (row.type) {
    case "queued":
      return { ...numbered, type: "queued" };
    case "started":
      return { ...numbered, type: "started", attempt };
    case "progress":
      return { ...numbered, type: "progress", attempt, value: row.body ?? "" };
    case "yielded":
      return { ...numbered, type: "yielded", attempt, value: row.body ?? "" };
    case "retrying":
      return {
        ...numbered,
        type: "retrying",
        attempt,
        ...(JSON.parse(row.body ?? "{}") as Pick<RetryingEvent, "reason" | "failure" | "delayMs">),
      };
    case "succeeded":
      return { ...numbered, type: "succeeded", attempt, output: row.output ?? "" };
    case "failed":
      return { ...numbered, type: "failed", attempt, failure: toFailure(row.failure) };
    case "cancelled":
      return { ...numbered, type: "cancelled", reason: row.cancel_reason };
    case "expired":
      return { ...numbered, type: "expired", failure: toFailure(row.failure) };
  }
}

function toFailure(text: string | null): Failure {
  return JSON.parse(text ?? "{}") as Failure;
}
