import type { CallState } from "@raincheck/protocol";
import type { Sql } from "postgres";
import type { AttemptRef, LostAttempt } from "../../attempt.ts";
import type { Ledger } from "../ledger.ts";
import { whileAvailable } from "../sessions/unavailable.ts";
import { isRunningSql } from "../settling/is-running.ts";

interface LeaseRow {
  readonly id: string;
  readonly attempt: number;
  readonly state: CallState;
}

/**
 * Renews the leases of a worker's attempts in one statement. A row that somebody else holds locked is being settled or
 * committed at this moment; it is passed over, so that one slow transaction does not cost the others their leases.
 */
export async function extend(ledger: Ledger, attempts: readonly AttemptRef[], leaseMs: number): Promise<LostAttempt[]> {
  if (attempts.length === 0) return [];
  const { schema, control } = ledger;
  const rows = await whileAvailable("extend", () => control.use((sql) => extendRows({ schema, sql, attempts, leaseMs })));
  const found = new Map(rows.map((row) => [row.id, row]));
  return attempts.flatMap((attempt): LostAttempt[] => {
    const row = found.get(attempt.id);
    if (row?.attempt === attempt.attempt && row.state === "running") return [];
    const reason = row?.attempt === attempt.attempt && (row.state === "cancelled" || row.state === "expired") ? row.state : "lost";
    return [{ id: attempt.id, attempt: attempt.attempt, reason }];
  });
}

/** The statement of {@link extend}, also for the lease thread. */
export function extendRows(extension: {
  readonly schema: string;
  readonly sql: Sql;
  readonly attempts: readonly AttemptRef[];
  readonly leaseMs: number;
}): Promise<LeaseRow[]> {
  const { schema, sql, attempts, leaseMs } = extension;
  return sql<LeaseRow[]>`
    with item as (
      select * from unnest(${attempts.map(({ id }) => id)}::uuid[], ${attempts.map(({ attempt }) => attempt)}::int[]) as item (id, attempt)
    ), free as (
      select call.id from ${sql(schema)}.call join item on call.id = item.id and call.attempt = item.attempt
      where ${sql.unsafe(isRunningSql)}
      for update of call skip locked
    ), extended as (
      update ${sql(schema)}.call set due_at = now() + ${leaseMs}::float8 * interval '1 millisecond'
      from free where call.id = free.id
    )
    select call.id, call.attempt, call.state from ${sql(schema)}.call join item on call.id = item.id`;
}
