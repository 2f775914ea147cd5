import type { PathAside } from "./aside-paths.ts";
import type { Ledger } from "../ledger.ts";
import type { Executor } from "../sessions/transaction.ts";

/** Brings the hint up to date, and wakes the claimers of this process where there is something new. */
export async function lookAside({ schema, control, aside, wakes }: Ledger): Promise<void> {
  const known = await aside.refresh(() => control.use((sql) => pairsAside(sql, schema)));
  for (const queue of known) wakes.runnableHere(queue);
}

/** Each queue and path that has calls aside, found from one to the next, however many there are of each. */
export async function pairsAside(sql: Executor, schema: string): Promise<PathAside[]> {
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
