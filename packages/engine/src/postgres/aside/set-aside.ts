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
import type { PathAside } from "./aside-paths.ts";
import type { Ledger } from "../ledger.ts";
import type { Places } from "./places.ts";

/** A call that was set aside. */
export interface SetAside extends PathAside {
  readonly id: string;
  /** `null`: the call is not limited. */
  readonly limited_path: string | null;
}

/** Sets aside, of calls whose deliveries were taken, those for which the claim has no place. */
export async function setAside(
  { schema }: Pick<Ledger, "schema">,
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
