/**
 * The gate of limited calls, those whose policy says how many attempts of their path may run at once (`concurrency`).
 *
 * A limited call for which there is no room is *parked*: queued in the ledger, without a delivery, so that no claim meets a backlog
 * that it may not touch. The gate lets in the first of a path's parked calls: gives them their deliveries, as many as there is room
 * beside the attempts that run and the deliveries that are out.
 *
 * - Accepting parks what could run at once; claiming parks what it has taken and finds no room for. A call that becomes due later
 *   (delayed, retried) or is accepted in a caller's transaction has its delivery from the start, and is parked if it comes too early.
 * - Claiming decides. A delivery of a limited call is an entrance for its path: the first of the calls at hand and the parked goes
 *   in. Too many deliveries harm nobody, therefore; too few would leave room unused.
 * - The gate is opened after the commit that made room: of an acceptance, of the end of an attempt or of a waiting call. It and every
 *   claim of limited calls hold the path's lock, so a call that is parked while room is made is seen by one of the two. A process
 *   that dies between commit and gate leaves it to the keeper.
 * - Calls wait in one line per path and queue, so that a queue nobody works on holds up no other.
 */
import type { PendingQuery, Row } from "postgres";
import type { Delivery } from "../../delivery/delivery.ts";
import { groupCommit } from "../../group-commit.ts";
import type { Ledger } from "../ledger.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { type Executor, executorOf, inTransaction } from "../sessions/transaction.ts";
import type { Wakes } from "../waking/wake.ts";

/** See the file's head. */
export interface Gate {
  /**
   * Lets in, of these paths, those for whom there is room; `null` is the path of a call without a limit, and nothing to do. Resolves
   * when they are in. What fails costs the time until the keeper's next pass, nothing else.
   */
  open(paths: readonly (string | null)[]): Promise<void>;
}

/** What a gate needs of the ledger. */
export interface GateOptions {
  readonly schema: string;
  readonly control: Sessions;
  readonly delivery: Delivery;
  readonly wakes: Wakes;
}

/** Makes the gate of one engine. */
export function makeGate(options: GateOptions): Gate {
  const open = groupCommit<string, void>({
    maxItems: 1_000,
    async write(paths) {
      await letIn(options, [...new Set(paths)]);
      return paths.map(() => undefined);
    },
  });
  return {
    async open(paths) {
      const limited = new Set(paths.filter((path) => path !== null));
      await Promise.all([...limited].map((path) => open(path).catch(() => undefined)));
    },
  };
}

async function letIn({ schema, control, delivery, wakes }: GateOptions, paths: readonly string[]): Promise<void> {
  const entering = await inTransaction(control, async (transaction) => {
    await lockPaths(schema, transaction, paths);
    // A statement of its own, which sees what was committed while the locks were waited for.
    const given = transaction`select unnest(${paths as string[]}::text[]) as path`;
    const rows = await transaction<{ id: string; queue: string; priority: number }[]>`
      with ${entrants(schema, transaction, given)}, entering as (
        update ${transaction(schema)}.call set parked = false where id = any(array(select id from entrant)) and parked
        returning id, queue, priority
      )
      select id, queue, priority from entering`;
    const deliveries = rows.map((row) => ({ ...row, delayMs: 0 }));
    if (deliveries.length > 0) await delivery.send(executorOf(transaction), deliveries);
    return deliveries;
  });
  for (const queue of new Set(entering.map((one) => one.queue))) wakes.runnable(queue, 0);
}

async function lockPaths(schema: string, sql: Executor, paths: readonly string[]): Promise<void> {
  await sql`
    select pg_advisory_xact_lock(key)
    from (select distinct ${lockKey(schema, sql)} as key from unnest(${paths as string[]}::text[]) as path order by key) as lock`;
}

/** The key of a path's lock, where `path` is a column. Whoever waits for several takes them in the order of their keys. */
export function lockKey(schema: string, sql: Executor): PendingQuery<Row[]> {
  return sql`hashtextextended(${schema}::text || ':' || path, 0)`;
}

/** The paths that have parked calls and room for one. Asked without locks: a hint for the keeper. */
export async function pathsWithRoom({ schema, control }: Pick<Ledger, "schema" | "control">): Promise<string[]> {
  const rows = await control.use((sql) => {
    const parkedPaths = sql`
      with recursive parked (path) as (
        (select path from ${sql(schema)}.call where parked order by path limit 1)
        union all
        select (select path from ${sql(schema)}.call where parked and call.path > parked.path order by path limit 1)
        from parked where parked.path is not null
      )
      select path from parked where path is not null`;
    return sql<{ path: string }[]>`with ${entrants(schema, sql, parkedPaths)} select distinct path from entrant`;
  });
  return rows.map(({ path }) => path);
}

/**
 * Which parked calls of the given paths may come in, as common table expressions that end with `entrant (id, path)`.
 *
 * Each line is read no further than its first call allows: from the index, however long it is. In a line those who have a delivery
 * already come before parked ones of the same priority, and count; a parked call of a higher priority does not wait for them.
 */
function entrants(schema: string, sql: Executor, paths: PendingQuery<Row[]>): PendingQuery<Row[]> {
  return sql`
    recursive line (path, queue) as (
      select path, (select min(queue) from ${sql(schema)}.call where parked and call.path = given.path) from (${paths}) as given
      union all
      select path, (select min(queue) from ${sql(schema)}.call where parked and call.path = line.path and call.queue > line.queue)
      from line where queue is not null
    ), room as (
      select path, queue, running, greatest(first.concurrency - running, 0) as places
      from line
      cross join lateral (
        select concurrency from ${sql(schema)}.call
        where parked and call.path = line.path and call.queue = line.queue and (expires_at is null or expires_at > now())
        order by priority desc, created_at, id limit 1
      ) as first
      cross join lateral (
        select count(*) as running from ${sql(schema)}.call
        where call.path = line.path and state = 'running' and concurrency is not null and not parked
      ) as others
    ), placed as (
      select id, path, parked, bool_and(running + row_number <= concurrency) over (partition by path, queue order by row_number) as fits
      from (
        select room.*, waiting.*, row_number() over (partition by path, queue order by priority desc, parked, created_at, id)
        from room
        cross join lateral (
          (
            select id, priority, created_at, concurrency, parked from ${sql(schema)}.call
            where call.path = room.path and state = 'queued' and call.queue = room.queue
              and concurrency is not null and not parked and aside_attempt is distinct from attempt and due_at <= now()
            order by priority desc limit room.places
          )
          union all
          (
            select id, priority, created_at, concurrency, parked from ${sql(schema)}.call
            where parked and call.path = room.path and call.queue = room.queue and (expires_at is null or expires_at > now())
            order by priority desc, created_at, id limit room.places
          )
        ) as waiting
      ) as numbered
    ), entrant as (
      select id, path from placed where parked and fits
    )`;
}
