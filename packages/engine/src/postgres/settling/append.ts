import type { AttemptRef, SettleResult } from "../../attempt.ts";
import { YieldsMissing } from "../../engine-errors.ts";
import type { Yields } from "../../yields.ts";
import type { Ledger } from "../ledger.ts";
import { whileAvailable } from "../sessions/unavailable.ts";
import { isRunningSql } from "./is-running.ts";

/** What one attempt appends. */
export interface Appending {
  readonly attempt: AttemptRef;
  readonly yields: Yields;
}

interface YieldedRow extends AttemptRef {
  /** How many of the attempt's values the ledger has. */
  readonly yielded: number;
}

/**
 * Appends a batch of yielded values, fenced as a settle is. `call.yielded` counts those of the attempt that runs: what it counts already is
 * not written, so a batch whose answer was lost, and that is repeated, is written once.
 *
 * @throws {YieldsMissing} when one of them leaves values out; the others may have been written.
 */
export async function appendBatch(ledger: Ledger, appendings: readonly Appending[]): Promise<SettleResult[]> {
  const appended = byFence(await whileAvailable("append", () => appendRows(ledger, appendings)));
  ledger.wakes.changed([...new Set(Array.from(appended.values(), ({ id }) => id))], "open");
  const isDone = ({ attempt, yields }: Appending, found: ReadonlyMap<string, YieldedRow>): boolean =>
    (found.get(fenceOf(attempt))?.yielded ?? -1) >= yields.after + yields.values.length;
  const rest = appendings.filter((one) => !isDone(one, appended));
  const running = byFence(
    rest.length === 0
      ? []
      : await whileAvailable("append", () =>
          stillRunning(
            ledger,
            rest.map(({ attempt }) => attempt),
          ),
        ),
  );
  const missing = rest.find(({ attempt, yields }) => (running.get(fenceOf(attempt))?.yielded ?? Infinity) < yields.after);
  if (missing !== undefined) throw new YieldsMissing(missing.attempt);
  // The same batch was being written elsewhere, and only a part of it was there when this one came.
  const again = rest.filter((one) => running.has(fenceOf(one.attempt)) && !isDone(one, running));
  const results = again.length === 0 ? [] : await appendBatch(ledger, again);
  return appendings.map((one) => {
    if (again.includes(one)) return results[again.indexOf(one)]!;
    return isDone(one, appended) || isDone(one, running) ? "settled" : "stale";
  });
}

function appendRows({ schema, control }: Ledger, appendings: readonly Appending[]): Promise<YieldedRow[]> {
  const items = appendings.flatMap(({ attempt: { id, attempt }, yields: { after, values } }) =>
    values.map((value, index) => ({ id, attempt, place: after + index + 1, value })),
  );
  return control.use(
    (sql) => sql<YieldedRow[]>`
    with item as (
      select distinct on (id, attempt, place) id, attempt, item.place, item.value, call.yielded as before
      from unnest(
        ${items.map(({ id }) => id)}::uuid[], ${items.map(({ attempt }) => attempt)}::int[],
        ${items.map(({ place }) => place)}::int[], ${items.map(({ value }) => value)}::text[]
      ) as item (id, attempt, place, value)
      join ${sql(schema)}.call using (id, attempt)
      where item.place > call.yielded
      order by id, attempt, place
    ), numbered as (
      select *, row_number() over (partition by id, attempt order by place) as number from item
    ), news as (
      -- What stands behind a gap has a higher place than its number.
      select *, count(*) over (partition by id, attempt) as numbers from numbered where place = before + number
    ), appended as (
      update ${sql(schema)}.call set seq = call.seq + news.numbers, yielded = news.place
      from news
      where call.id = news.id and call.attempt = news.attempt and ${sql.unsafe(isRunningSql)} and news.number = news.numbers
        and call.yielded = news.before
      returning call.id, call.attempt, call.yielded, call.seq - news.numbers as seq_before
    ), noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt, body)
      select id, seq_before + number, 'yielded', now(), attempt, value from appended join news using (id, attempt)
    )
    select id, attempt, yielded from appended`,
  );
}

/** Which of these attempts run their calls, and how far the ledger has them. */
function stillRunning({ schema, control }: Ledger, attempts: readonly AttemptRef[]): Promise<YieldedRow[]> {
  return control.use(
    (sql) => sql<YieldedRow[]>`
    select distinct id, attempt, yielded from ${sql(schema)}.call
    join unnest(${attempts.map(({ id }) => id)}::uuid[], ${attempts.map(({ attempt }) => attempt)}::int[]) as item (id, attempt) using (id, attempt)
    where ${sql.unsafe(isRunningSql)}`,
  );
}

function byFence(rows: readonly YieldedRow[]): ReadonlyMap<string, YieldedRow> {
  return new Map(rows.map((row) => [fenceOf(row), row]));
}

function fenceOf({ id, attempt }: AttemptRef): string {
  return `${id}:${attempt}`;
}
