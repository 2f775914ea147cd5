import type { TransactionSql } from "postgres";
import type { Ledger } from "../ledger.ts";
import type { Places } from "./places.ts";

/** Calls of a queue that were set aside and that the claim may take, held for its transaction. */
export async function takeAside(
  { schema, aside }: Pick<Ledger, "schema" | "aside">,
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
