/**
 * Calls that are set aside; see `Withheld` in the port.
 *
 * A delivery can only be taken from the head of its queue, whatever its procedure. So a claim that comes upon a call which its worker
 * withholds keeps the call in the ledger and drops the delivery: those behind it are next, and two workers without the procedure do not
 * pass it to and fro. A worker that has the procedure claims by the path, from the ledger.
 *
 * Which paths have such calls each process knows by a hint: what it has set aside itself, and what its keeper saw. So a claim asks for
 * them only where there are some.
 */
import type { TransactionSql } from "postgres";
import type { ClaimRequest, Vouching, Withheld } from "../engine.ts";
import type { Gate } from "./gate.ts";
import type { Sessions } from "./sessions.ts";
import { type Executor, inTransaction } from "./transaction.ts";
import type { Wakes } from "./wake.ts";

/** A queue, and a path of which it has calls aside. */
export interface PathAside {
  readonly queue: string;
  readonly path: string;
}

/** The hint; see the file's head. */
export class AsidePaths {
  #byQueue = new Map<string, Set<string>>();
  /** What became of paths since the keeper last began to look: whether each has calls aside. By {@link keyOf}. */
  #since = new Map<string, { readonly pair: PathAside; readonly hasCalls: boolean }>();

  /** Calls of this path have been set aside, and that is committed. */
  note(pair: PathAside): void {
    this.#since.set(keyOf(pair), { pair, hasCalls: true });
    this.#add(pair);
  }

  /** A claim has found no more calls of this path. The next that is set aside is news again, therefore. */
  drained(pair: PathAside): void {
    this.#since.set(keyOf(pair), { pair, hasCalls: false });
    this.#byQueue.get(pair.queue)?.delete(pair.path);
  }

  #add({ queue, path }: PathAside): void {
    const paths = this.#byQueue.get(queue) ?? new Set();
    this.#byQueue.set(queue, paths.add(path));
  }

  /** The paths that may have calls aside in a queue. */
  of(queue: string): readonly string[] {
    return [...(this.#byQueue.get(queue) ?? [])];
  }

  get isEmpty(): boolean {
    return this.#byQueue.size === 0;
  }

  /**
   * Takes over what the ledger has. What happened while it is asked may have been committed too late for its answer, and counts instead.
   *
   * @returns the queues with a path that was not known to have any.
   */
  async refresh(ask: () => Promise<readonly PathAside[]>): Promise<Set<string>> {
    this.#since = new Map();
    const answered = await ask();
    const before = this.#byQueue;
    this.#byQueue = new Map();
    const found = answered.filter((pair) => !this.#since.has(keyOf(pair)));
    const noted = [...this.#since.values()].filter(({ hasCalls }) => hasCalls).map(({ pair }) => pair);
    for (const pair of [...found, ...noted]) this.#add(pair);
    return new Set(found.filter(({ queue, path }) => before.get(queue)?.has(path) !== true).map(({ queue }) => queue));
  }
}

function keyOf({ queue, path }: PathAside): string {
  return JSON.stringify([queue, path]);
}

/** Notes what has been set aside, and wakes the claimers of this process: another of them may have the procedure. */
export function noteAside({ aside, wakes }: Pick<Parts, "aside" | "wakes">, pairs: readonly PathAside[]): void {
  for (const pair of pairs) aside.note(pair);
  for (const queue of new Set(pairs.map((pair) => pair.queue))) wakes.runnableHere(queue);
}

/** What the verbs about calls aside need of the ledger. */
interface Parts {
  readonly schema: string;
  readonly control: Sessions;
  readonly wakes: Wakes;
  readonly gate: Gate;
  readonly aside: AsidePaths;
}

/** How many calls of each withheld path a claim may still take. */
export class Places {
  readonly #left: Map<string, number>;
  readonly withheld: readonly Withheld[];

  constructor({ withheld = [] }: Pick<ClaimRequest, "withheld">) {
    this.withheld = withheld;
    this.#left = new Map(withheld.map(({ path, places }) => [path, places]));
  }

  /** At most `limit`. */
  of(path: string, limit: number): number {
    return Math.min(limit, this.#left.get(path) ?? limit);
  }

  take(path: string): void {
    const left = this.#left.get(path);
    if (left !== undefined) this.#left.set(path, Math.max(0, left - 1));
  }
}

/** Calls of a queue that were set aside and that the claim may take, held for its transaction. */
export async function takeAside(
  { schema, aside }: Pick<Parts, "schema" | "aside">,
  sql: TransactionSql,
  { queue, limit, places }: { queue: string; limit: number; places: Places },
): Promise<string[]> {
  const paths = aside.of(queue).filter((path) => places.of(path, limit) > 0);
  if (paths.length === 0 || limit === 0) return [];
  const rows = await sql<{ id: string; path: string }[]>`
    select one.id, wanted.path
    from unnest(${paths}::text[], ${paths.map((path) => places.of(path, limit))}::int[]) as wanted (path, places)
    cross join lateral (
      select id, priority, created_at from ${sql(schema)}.call
      where queue = ${queue} and call.path = wanted.path and state = 'queued' and aside_attempt = attempt
      order by priority desc, created_at, id limit wanted.places for update skip locked
    ) as one
    order by one.priority desc, one.created_at, one.id limit ${limit}`;
  const taken = (path: string) => rows.filter((row) => row.path === path).length;
  if (rows.length < limit) for (const path of paths) if (taken(path) < places.of(path, limit)) aside.drained({ queue, path });
  return rows.map(({ id }) => id);
}

/** A call that was set aside. */
export interface SetAside extends PathAside {
  readonly id: string;
  /** `null`: the call is not limited. */
  readonly limited_path: string | null;
}

/** Sets aside, of calls whose deliveries were taken, those for which the claim has no place. */
export async function setAside(
  { schema }: Pick<Parts, "schema">,
  sql: TransactionSql,
  { ids, places }: { ids: readonly string[]; places: Places },
): Promise<SetAside[]> {
  const { withheld } = places;
  if (withheld.length === 0 || ids.length === 0) return [];
  return sql<SetAside[]>`
    with withheld as (
      select * from unnest(
        ${withheld.map(({ path }) => path)}::text[], ${withheld.map(({ path }) => places.of(path, ids.length))}::int[],
        ${withheld.map(({ giveUpAfterMs }) => giveUpAfterMs)}::float8[]
      ) as withheld (path, places, give_up_ms)
    ), ranked as (
      select call.id, places, give_up_ms, row_number() over (partition by path order by priority desc, created_at, call.id) as place
      from ${sql(schema)}.call join withheld using (path)
      where call.id = any(${ids as string[]}::uuid[]) and state = 'queued' and not parked and due_at <= now()
    )
    update ${sql(schema)}.call set
      aside_attempt = attempt,
      aside_until = case
        when give_up_ms is null then null
        when aside_attempt = attempt then coalesce(aside_until, now() + give_up_ms * interval '1 millisecond')
        else now() + give_up_ms * interval '1 millisecond'
      end
    from ranked where call.id = ranked.id and ranked.place > ranked.places and state = 'queued'
    returning call.id, call.queue, call.path, case when call.concurrency is not null then call.path end as limited_path`;
}

/** Brings the hint up to date, and wakes the claimers of this process where there is something new. */
export async function lookAside({ schema, control, aside, wakes }: Parts): Promise<void> {
  const known = await aside.refresh(() => control.use((sql) => pairsAside(sql, schema)));
  for (const queue of known) wakes.runnableHere(queue);
}

/** See `Engine.vouch`. */
export async function vouch({ schema, control }: Pick<Parts, "schema" | "control">, request: Vouching): Promise<void> {
  const { queues, knows, giveUpAfterMs } = request;
  const pairs = await control.use((sql) => pairsAside(sql, schema));
  const paths = new Set(pairs.filter(({ queue }) => queues.includes(queue)).map(({ path }) => path));
  const known: string[] = [];
  for (const path of paths) if (await knows(path)) known.push(path);
  if (known.length === 0) return;
  // Those that were put off a short while ago are left alone, and so are those that are claimed or set aside at this moment.
  await control.use(
    (sql) => sql`
    with put_off as (
      select id from ${sql(schema)}.call
      where queue = any(${queues as string[]}::text[]) and path = any(${known}::text[]) and state = 'queued' and aside_attempt = attempt
        and aside_until < now() + ${giveUpAfterMs * 0.9}::float8 * interval '1 millisecond'
      for update skip locked
    )
    update ${sql(schema)}.call set aside_until = now() + ${giveUpAfterMs}::float8 * interval '1 millisecond'
    where id = any(array(select id from put_off))`,
  );
}

/** Each queue and path that has calls aside, found from one to the next, however many there are of each. */
async function pairsAside(sql: Executor, schema: string): Promise<PathAside[]> {
  const isAside = sql`state = 'queued' and aside_attempt = attempt`;
  return sql<PathAside[]>`
    with recursive pair (queue, path) as (
      (select queue, path from ${sql(schema)}.call where ${isAside} order by queue, path limit 1)
      union all
      select next.queue, next.path from pair cross join lateral (
        select queue, path from ${sql(schema)}.call
        where ${isAside} and (call.queue, call.path) > (pair.queue, pair.path) order by queue, path limit 1
      ) as next
    )
    select queue, path from pair`;
}

/** Calls given up in one pass. */
const passCalls = 500;

/** Ends the calls for which no worker with their procedure has come in time. */
export async function giveUpUnknown({ schema, control, wakes, gate }: Parts): Promise<void> {
  const rows = await inTransaction(
    control,
    (sql) => sql<{ id: string; limited_path: string | null }[]>`
    with due as (
      select id from ${sql(schema)}.call
      where state = 'queued' and aside_attempt = attempt and aside_until <= now()
      order by aside_until limit ${passCalls} for update skip locked
    ), given_up as (
      update ${sql(schema)}.call set
        state = 'failed',
        seq = seq + 1,
        parked = false,
        failure = json_build_object('code', 'UNKNOWN_PROCEDURE', 'message',
          'No worker of the queue ' || queue || ' has the procedure ' || path || '.')::text,
        ended_at = now(),
        due_at = now() + retention_ms * interval '1 millisecond',
        expires_at = null
      from due where call.id = due.id
      returning call.id, call.seq, call.attempt, case when call.concurrency is not null then call.path end as limited_path
    ), noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt)
      select id, seq, 'failed', now(), attempt from given_up
    )
    select id, limited_path from given_up`,
  );
  wakes.changed(rows.map(({ id }) => id));
  void gate.open(rows.map((row) => row.limited_path));
}
