import type { AttemptRef, Payload, SettleResult } from "../engine.ts";
import type { Ledger } from "./ledger.ts";
import { whileAvailable } from "./unavailable.ts";

/** One attempt's progress. */
export interface Report {
  readonly attempt: AttemptRef;
  readonly progress: Payload;
}

/** Writes a batch of progress, fenced as a settle is. Several values of one attempt are several events, and the last is its latest. */
export async function reportBatch(ledger: Ledger, reports: readonly Report[]): Promise<SettleResult[]> {
  const written = new Set((await whileAvailable("report", () => reportRows(ledger, reports))).map(fenceOf));
  ledger.wakes.changed([...new Set(reports.filter(({ attempt }) => written.has(fenceOf(attempt))).map(({ attempt }) => attempt.id))]);
  return reports.map(({ attempt }) => (written.has(fenceOf(attempt)) ? "settled" : "stale"));
}

function reportRows({ schema, control }: Ledger, reports: readonly Report[]): Promise<AttemptRef[]> {
  return control.use(
    (sql) => sql<AttemptRef[]>`
    with item as (
      select *, row_number() over one_attempt as place, count(*) over (partition by id, attempt) as places
      from unnest(
        ${reports.map(({ attempt }) => attempt.id)}::uuid[], ${reports.map(({ attempt }) => attempt.attempt)}::int[],
        ${reports.map(({ progress }) => progress)}::text[]
      ) with ordinality as item (id, attempt, progress, position)
      window one_attempt as (partition by id, attempt order by position)
    ), reported as (
      update ${sql(schema)}.call set seq = call.seq + item.places, progress = item.progress
      from item
      where call.id = item.id and call.attempt = item.attempt and call.state = 'running' and item.place = item.places
      returning call.id, call.attempt, call.seq - item.places as seq_before
    ), noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt, body)
      select id, seq_before + place, 'progress', now(), attempt, progress from reported join item using (id, attempt)
    )
    select id, attempt from reported`,
  );
}

function fenceOf({ id, attempt }: AttemptRef): string {
  return `${id}:${attempt}`;
}
