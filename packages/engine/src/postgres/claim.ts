/**
 * Claiming: deliveries are taken and their calls marked as running in one transaction. A delivery whose call is not claimable
 * (cancelled, or its parent is; expired, taken by an earlier delivery, not due) is dropped with it: the ledger decides. Of limited
 * calls the gate says which may begin; a claim without one costs nothing for it.
 */
import type { TransactionSql } from "postgres";
import type { ClaimedCall, ClaimRequest } from "../engine.ts";
import { admit } from "./admit.ts";
import { Places, type SetAside, noteAside, setAside, takeAside } from "./aside.ts";
import type { Ledger } from "./ledger.ts";
import { cancelLeft } from "./pass-on-cancels.ts";
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
  readonly priority: number;
  readonly created_at: Date;
  readonly deadline_in_ms: number | null;
}

/** See `Engine.claim`. */
export async function claim(ledger: Ledger, request: ClaimRequest): Promise<ClaimedCall[]> {
  await whileAvailable("claim", () => ledger.delivery.prepare(request.queues));
  const { claimed, left, aside, unseen, unfinished } = await whileAvailable("claim", () =>
    inTransaction(ledger.control, (transaction) => claimIn(ledger, transaction, request)),
  );
  if (claimed.length > 0) ledger.wakes.changed(claimed.map(({ id }) => id));
  noteAside(ledger, aside);
  void ledger.gate.open(unseen);
  void cancelLeft(ledger, left);
  for (const queue of unfinished) ledger.wakes.runnable(queue, 0);
  return claimed;
}

/** Deliveries of one queue are taken at most so many times in one claim. */
const maxRounds = 16;

interface Claim {
  readonly claimed: ClaimedCall[];
  /** Of the calls that were delivered, or had been set aside, those that did not begin. */
  readonly left: string[];
  /** Of the calls that were delivered, those that were set aside. */
  readonly aside: SetAside[];
  /** Paths whose gate is to be opened after the commit. */
  readonly unseen: string[];
  /** Queues that gave nothing but dropped deliveries until the claim broke off: who claims is woken to go on. */
  readonly unfinished: string[];
}

async function claimIn(ledger: Ledger, transaction: TransactionSql, request: ClaimRequest): Promise<Claim> {
  const claimed: ClaimedCall[] = [];
  const unseen: string[] = [];
  const unfinished: string[] = [];
  const taken: string[] = [];
  const aside: SetAside[] = [];
  const places = new Places(request);
  let holdsLocks = false;

  async function begin(ids: readonly string[]): Promise<void> {
    const begun = [...(await markRunning(ledger, transaction, { ...request, ids, limited: false }))];
    if (begun.length < ids.length) {
      const known = new Set(begun.map(({ id }) => id));
      const admission = await admit(ledger, transaction, { ids: ids.filter((id) => !known.has(id)), holdsLocks });
      holdsLocks ||= admission.hasLocked;
      unseen.push(...admission.unseen);
      if (admission.ids.length > 0) {
        begun.push(...(await markRunning(ledger, transaction, { ...request, ids: admission.ids, limited: true })));
        begun.sort((a, b) => b.priority - a.priority || a.created_at.getTime() - b.created_at.getTime());
      }
    }
    for (const { path } of begun) places.take(path);
    claimed.push(...begun.map(toClaimedCall));
  }

  for (const queue of request.queues) {
    const earlier = await takeAside(ledger, transaction, { queue, limit: request.limit - claimed.length, places });
    taken.push(...earlier);
    if (earlier.length > 0) await begin(earlier);
    // Dropped deliveries leave room: taken again, until the queue has no more or the room is filled.
    let more = true;
    for (let round = 0; more && claimed.length < request.limit; round += 1) {
      if (round === maxRounds) {
        unfinished.push(queue);
        break;
      }
      const wanted = request.limit - claimed.length;
      const { ids, acknowledge } = await ledger.delivery.take(executorOf(transaction), queue, wanted);
      more = ids.length === wanted;
      if (ids.length === 0) break;
      taken.push(...ids);
      const beginning = setAside(ledger, transaction, { ids, places }).then(async (withheld) => {
        aside.push(...withheld);
        // The entrance that a limited call leaves unused is another's of its path.
        unseen.push(...withheld.flatMap(({ limited_path }) => limited_path ?? []));
        const left = ids.filter((id) => !withheld.some((one) => one.id === id));
        if (left.length > 0) await begin(left);
      });
      await Promise.all([beginning, acknowledge()]);
    }
  }
  const begun = new Set(claimed.map(({ id }) => id));
  return { claimed, left: taken.filter((id) => !begun.has(id)), aside, unseen, unfinished };
}

interface Marking {
  readonly ids: readonly string[];
  readonly worker: string;
  readonly leaseMs: number;
  /** Which of them: the limited calls, or the others. */
  readonly limited: boolean;
}

function markRunning({ schema }: Ledger, sql: TransactionSql, mark: Marking): Promise<ClaimedRow[]> {
  return sql<ClaimedRow[]>`
    with claimed as (
      update ${sql(schema)}.call set
        state = 'running',
        seq = seq + 1,
        attempt = attempt + 1,
        parked = false,
        progress = null,
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
      select id, seq, 'started', now(), attempt from claimed
    )
    select id, attempt, path, queue, principal, input, context, failures, priority, created_at,
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
