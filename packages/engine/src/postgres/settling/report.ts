import type { AttemptRef, SettleResult } from "../../attempt.ts";
import type { Payload } from "../../payload.ts";
import type { Ledger } from "../ledger.ts";
import { whileAvailable } from "../sessions/unavailable.ts";
import { isRunningSql } from "./is-running.ts";

/** One attempt's progress. */
export interface Report {
  readonly attempt: AttemptRef;
  readonly progress: Payload;
}

/**
 * Writes a batch of progress, fenced as a settle is. Several values of one attempt are several events, and the last is its latest.
 *
 * What is the latest already is not written: so a batch whose answer was lost, and that is repeated, is written once. Nobody else writes
 * progress of the attempt meanwhile.
 */
export async function reportBatch(ledger: Ledger, reports: readonly Report[]): Promise<SettleResult[]> {
  const written = new Set((await whileAvailable("report", () => reportRows(ledger, reports))).map(fenceOf));
  const told = reports.filter(({ attempt }) => written.has(fenceOf(attempt)));
  ledger.wakes.changed([...new Set(told.map(({ attempt }) => attempt.id))], "open");
  const refused = reports.filter(({ attempt }) => !written.has(fenceOf(attempt))).map(({ attempt }) => attempt);
  const running = new Set(refused.length === 0 ? [] : (await whileAvailable("report", () => stillRunning(ledger, refused))).map(fenceOf));
  return reports.map(({ attempt }) => (written.has(fenceOf(attempt)) || running.has(fenceOf(attempt)) ? "settled" : "stale"));
}

function reportRows({ schema, control }: Ledger, reports: readonly Report[]): Promise<AttemptRef[]> {
  return control.use(
    (sql) => sql<AttemptRef[]>`
    with item as (
      select id, attempt, item.progress, position, lag(item.progress, 1, call.progress) over (partition by id, attempt order by position) as before
      from unnest(
        ${reports.map(({ attempt }) => attempt.id)}::uuid[], ${reports.map(({ attempt }) => attempt.attempt)}::int[],
        ${reports.map(({ progress }) => progress)}::text[]
      ) with ordinality as item (id, attempt, progress, position)
      join ${sql(schema)}.call using (id, attempt)
    ), news as (
      select *, row_number() over one_attempt as place, count(*) over (partition by id, attempt) as places
      from item where progress is distinct from before
      window one_attempt as (partition by id, attempt order by position)
    ), reported as (
      update ${sql(schema)}.call set seq = call.seq + news.places, progress = news.progress
      from news
      where call.id = news.id and call.attempt = news.attempt and ${sql.unsafe(isRunningSql)} and news.place = news.places
        and call.progress is distinct from news.progress
      returning call.id, call.attempt, call.seq - news.places as seq_before
    ), noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt, body)
      select id, seq_before + place, 'progress', now(), attempt, progress from reported join news using (id, attempt)
    )
    select id, attempt from reported`,
  );
}

/** Which of these attempts run their calls: what they have reported was no news. */
function stillRunning({ schema, control }: Ledger, attempts: readonly AttemptRef[]): Promise<AttemptRef[]> {
  return control.use(
    (sql) => sql<AttemptRef[]>`
    select id, attempt from ${sql(schema)}.call
    join unnest(${attempts.map(({ id }) => id)}::uuid[], ${attempts.map(({ attempt }) => attempt)}::int[]) as item (id, attempt) using (id, attempt)
    where ${sql.unsafe(isRunningSql)}`,
  );
}

function fenceOf({ id, attempt }: AttemptRef): string {
  return `${id}:${attempt}`;
}
