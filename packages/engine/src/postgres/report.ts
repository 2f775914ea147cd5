import type { AttemptRef, Payload, SettleResult } from "../engine.ts";
import type { Ledger } from "./ledger.ts";
import { whileAvailable } from "./unavailable.ts";

/** One attempt's progress. */
export interface Report {
  readonly attempt: AttemptRef;
  readonly progress: Payload;
}

/** Writes a batch of progress, fenced as a settle is. */
export async function reportBatch(ledger: Ledger, reports: readonly Report[]): Promise<SettleResult[]> {
  // One statement updates a row once: of several values for one attempt only the latest is written.
  const latest = [...new Map(reports.map((report) => [report.attempt.id, report])).values()];
  const written = new Set(await whileAvailable("report", () => reportRows(ledger, latest)));
  ledger.wakes.changed([...written]);
  return reports.map(({ attempt }) => (written.has(attempt.id) ? "settled" : "stale"));
}

async function reportRows({ schema, control: sql }: Ledger, reports: readonly Report[]): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    with item as (
      select * from unnest(
        ${reports.map(({ attempt }) => attempt.id)}::uuid[], ${reports.map(({ attempt }) => attempt.attempt)}::int[],
        ${reports.map(({ progress }) => progress)}::text[]
      ) as item (id, attempt, progress)
    ), reported as (
      update ${sql(schema)}.call set seq = call.seq + 1, progress = item.progress
      from item
      where call.id = item.id and call.attempt = item.attempt and call.state = 'running'
      returning call.id, call.seq, call.attempt, call.progress
    ), noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt, body)
      select id, seq, 'progress', now(), attempt, progress from reported
    )
    select id from reported`;
  return rows.map(({ id }) => id);
}
