import type { TransactionSql } from "postgres";
import type { ClaimedCall } from "../../claim-request.ts";
import type { Ledger } from "../ledger.ts";

/** A call that a claim has begun. */
export interface ClaimedRow {
  readonly id: string;
  readonly attempt: number;
  readonly path: string;
  readonly queue: string;
  readonly principal: string | null;
  readonly input: string;
  readonly context: string;
  readonly failures: number;
  readonly priority: number;
  readonly created_at: Date;
  readonly deadline_in_ms: number | null;
}

/** Which calls are begun, and for whom. */
export interface Marking {
  readonly ids: readonly string[];
  readonly worker: string;
  readonly leaseMs: number;
  /** Which of them: the limited calls, or the others. */
  readonly limited: boolean;
}

/** Begins an attempt of those that can begin, and answers with just these. */
export function markRunning({ schema }: Ledger, sql: TransactionSql, mark: Marking): Promise<ClaimedRow[]> {
  return sql<ClaimedRow[]>`
    with claimed as (
      update ${sql(schema)}.call set
        state = 'running',
        seq = seq + 1,
        attempt = attempt + 1,
        parked = false,
        progress = null,
        yielded = 0,
        worker = ${mark.worker},
        started_at = coalesce(started_at, now()),
        due_at = now() + ${mark.leaseMs}::float8 * interval '1 millisecond',
        expires_at = deadline
      where id = any(${mark.ids as string[]}::uuid[]) and (concurrency is not null) = ${mark.limited}
        and state = 'queued' and due_at <= now() and (expires_at is null or expires_at > now())
        and (parent_id is null or (select state from ${sql(schema)}.call as parent where parent.id = call.parent_id) is distinct from 'cancelled')
      returning *
    ), noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt)
      select id, seq, 'started', now(), attempt from claimed where attempt > 1
    )
    select id, attempt, path, queue, principal, input, context, failures, priority, created_at,
      extract(epoch from deadline - now())::float8 * 1000 as deadline_in_ms
    from claimed
    order by priority desc, claimed.created_at, id`;
}

/** What the claimer is handed. */
export function toClaimedCall(row: ClaimedRow): ClaimedCall {
  return {
    id: row.id,
    attempt: row.attempt,
    path: row.path,
    queue: row.queue,
    principal: row.principal,
    input: row.input,
    context: row.context,
    failures: row.failures,
    createdAt: row.created_at.toISOString(),
    deadlineInMs: row.deadline_in_ms,
  };
}
