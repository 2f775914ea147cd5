/** Admitting limited calls to a claim; see `gate.ts` for what they wait for otherwise. */
import { lockKey } from "./gate.ts";
import type { Ledger } from "../ledger.ts";
import type { Executor } from "../sessions/transaction.ts";

/** What became of the limited calls among those that a claim has taken. */
export interface Admission {
  /** The calls that may begin, in the transaction that asked: no more than were taken, though not always the same ones. */
  readonly ids: readonly string[];
  /** Whether it took locks, which the transaction holds to its end. */
  readonly hasLocked: boolean;
  /** Paths whose calls were parked unseen, another transaction being at them: the gate must be opened after the commit. */
  readonly unseen: readonly string[];
}

/**
 * Decides, under the locks of their paths, which limited calls a claim may begin, and parks the others of those it has taken. Calls
 * without a limit, and those that are not claimable, are passed over.
 *
 * @param taken.ids of one queue.
 * @param taken.holdsLocks whether the transaction has admitted before: it must not wait for further locks while it holds some.
 */
export async function admit(ledger: Ledger, sql: Executor, taken: { ids: readonly string[]; holdsLocks: boolean }): Promise<Admission> {
  const paths = await lockPathsOf(ledger, sql, taken);
  if (paths.length === 0) return { ids: [], hasLocked: false, unseen: [] };
  const seen = paths.filter(({ locked }) => locked).map(({ path }) => path);
  const unseen = paths.filter(({ locked }) => !locked).map(({ path }) => path);
  return { ids: await choose(ledger, sql, { ids: taken.ids, paths: seen }), hasLocked: seen.length > 0, unseen };
}

function lockPathsOf(
  { schema }: Ledger,
  sql: Executor,
  { ids, holdsLocks }: { ids: readonly string[]; holdsLocks: boolean },
): Promise<{ path: string; locked: boolean }[]> {
  return sql<{ path: string; locked: boolean }[]>`
    select path, ${holdsLocks ? sql`pg_try_advisory_xact_lock(key)` : sql`pg_advisory_xact_lock(key) is not null`} as locked
    from (
      select path, ${lockKey(schema, sql)} as key
      from ${sql(schema)}.call where id = any(${ids as string[]}::uuid[]) and concurrency is not null and state = 'queued'
      group by path order by key
    ) as limited`;
}

/** The first of a path's taken and parked calls, as many as were taken and as there is room; the others are parked. */
async function choose(
  { schema }: Ledger,
  sql: Executor,
  { ids, paths }: { ids: readonly string[]; paths: readonly string[] },
): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    with taken as (
      select id, path, queue, priority, created_at, concurrency from ${sql(schema)}.call
      where id = any(${ids as string[]}::uuid[]) and concurrency is not null and state = 'queued' and due_at <= now()
        and (expires_at is null or expires_at > now())
    ), line as (
      select path, queue, count(*) as places, (
        select count(*) from ${sql(schema)}.call
        where call.path = taken.path and state = 'running' and concurrency is not null and not parked
      ) as running
      from taken where path = any(${paths as string[]}::text[]) group by path, queue
    ), candidate as (
      select taken.* from taken join line using (path, queue)
      union
      select first.* from line cross join lateral (
        select id, path, queue, priority, created_at, concurrency from ${sql(schema)}.call
        where parked and call.path = line.path and call.queue = line.queue and (expires_at is null or expires_at > now())
        order by priority desc, created_at, id limit line.places
      ) as first
    ), placed as (
      select id, row_number <= places and bool_and(running + row_number <= concurrency) over (partition by path, queue order by row_number) as fits
      from (
        select *, row_number() over (partition by path, queue order by priority desc, created_at, id)
        from candidate join line using (path, queue)
      ) as numbered
    ), parked as (
      update ${sql(schema)}.call set parked = true, aside_attempt = null
      where id in (select id from taken) and id not in (select id from placed where fits) and state = 'queued' and not parked
    )
    select id from placed where fits`;
  return rows.map(({ id }) => id);
}
