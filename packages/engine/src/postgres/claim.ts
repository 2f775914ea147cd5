/**
 * Claiming: deliveries are taken and their calls marked as running in one transaction. A delivery whose call is not claimable
 * (cancelled, expired, taken by an earlier delivery, not due) is dropped with it: the ledger decides.
 */
import type { TransactionSql } from "postgres";
import type { ClaimedCall, ClaimRequest } from "../engine.ts";
import type { Ledger } from "./ledger.ts";
import { executorOf, inTransaction } from "./transaction.ts";
import { whileAvailable } from "./unavailable.ts";

interface ClaimedRow {
  readonly id: string;
  readonly attempt: number;
  readonly path: string;
  readonly queue: string;
  readonly principal: string | null;
  readonly input: string;
  readonly context: string;
  readonly failures: number;
  readonly created_at: Date;
  readonly deadline_in_ms: number | null;
}

/** See `Engine.claim`. */
export async function claim(ledger: Ledger, request: ClaimRequest): Promise<ClaimedCall[]> {
  await ledger.delivery.prepare(request.queues);
  const claimed = await whileAvailable("claim", () =>
    inTransaction(ledger.control, (transaction) => claimIn(ledger, transaction, request)),
  );
  if (claimed.length > 0) ledger.wakes.changed(claimed.map(({ id }) => id));
  return claimed;
}

async function claimIn(ledger: Ledger, transaction: TransactionSql, request: ClaimRequest): Promise<ClaimedCall[]> {
  const claimed: ClaimedCall[] = [];
  for (const queue of request.queues) {
    // Dropped deliveries leave room: taken again, until the queue has no more or the room is filled.
    for (let more = true; more && claimed.length < request.limit;) {
      const wanted = request.limit - claimed.length;
      const { ids, acknowledge } = await ledger.delivery.take(executorOf(transaction), queue, wanted);
      more = ids.length === wanted;
      if (ids.length === 0) break;
      const [rows] = await Promise.all([markRunning(ledger, transaction, { ...request, ids }), acknowledge()]);
      claimed.push(...rows.map(toClaimedCall));
    }
  }
  return claimed;
}

interface Marking {
  readonly ids: readonly string[];
  readonly worker: string;
  readonly leaseMs: number;
}

function markRunning({ schema }: Ledger, sql: TransactionSql, mark: Marking): Promise<ClaimedRow[]> {
  return sql<ClaimedRow[]>`
    with claimed as (
      update ${sql(schema)}.call set
        state = 'running',
        seq = seq + 1,
        attempt = attempt + 1,
        progress = null,
        worker = ${mark.worker},
        started_at = coalesce(started_at, now()),
        due_at = now() + ${mark.leaseMs}::float8 * interval '1 millisecond',
        expires_at = deadline
      where id = any(${mark.ids as string[]}::uuid[]) and state = 'queued' and due_at <= now() and (expires_at is null or expires_at > now())
      returning *
    ), noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt)
      select id, seq, 'started', now(), attempt from claimed
    )
    select id, attempt, path, queue, principal, input, context, failures, created_at,
      extract(epoch from deadline - now())::float8 * 1000 as deadline_in_ms
    from claimed
    order by priority desc, claimed.created_at, id`;
}

function toClaimedCall(row: ClaimedRow): ClaimedCall {
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
