/**
 * Accepting: ledger row and delivery in one transaction, the caller's own if it gives one.
 *
 * A call that an attempt starts is written only while that attempt runs its call, as the inserting statement sees it. It locks
 * nothing of its parent's row, so that no lease waits for it; `pass-on-cancels.ts` says why that is enough.
 *
 * Idempotency is a unique index over a hash of (principal, path, key). A row that it refuses is looked up afterwards, in a
 * statement of its own, which sees what the winner committed.
 */
import { IdempotencyConflict, StaleAttempt } from "../../engine-errors.ts";
import type { Acceptance, NewCall } from "../../new-call.ts";
import { type CallRow, toRow } from "./call-row.ts";
import { type CallerTransaction, executorOfCaller } from "./caller-transaction.ts";
import { type OpenTransaction, insertCalls } from "./insert-calls.ts";
import { join } from "./join.ts";
import type { Ledger } from "../ledger.ts";
import { type KnownCall, lookUpCalls } from "./look-up-calls.ts";
import { setLockLimit } from "../sessions/session-limits.ts";
import { executorOf, goAhead, inTransaction } from "../sessions/transaction.ts";
import { isLocked, isRowLocked, whileAvailable } from "../sessions/unavailable.ts";

/** What became of one call: accepted, or refused alone. */
export type AcceptResult = Acceptance | IdempotencyConflict | StaleAttempt;

/** Another transaction, which has not ended, holds an idempotency key of the batch, and the batch has waited for it as long as it was to. */
export class KeyHeld extends Error {}

/**
 * Accepts a batch in a transaction of its own, and wakes the workers.
 *
 * @param lockMs how long it waits for another transaction that holds one of its keys. Default: as any statement for any lock.
 * @throws {KeyHeld} after `lockMs`.
 */
export async function acceptBatch(ledger: Ledger, calls: readonly NewCall[], lockMs?: number): Promise<AcceptResult[]> {
  await whileAvailable("accept", () => ledger.delivery.prepare(queuesOf(calls)));
  let waitMs = lockMs;
  const results = await whileAvailable("accept", async () => {
    try {
      return await inTransaction(ledger.control, (transaction) => {
        if (waitMs !== undefined) goAhead(transaction, setLockLimit(waitMs));
        return acceptIn(
          ledger,
          { executor: executorOf(transaction), id: null },
          calls.map((call) => toRow(call, isParked(call))),
        );
      });
    } catch (error) {
      if (lockMs !== undefined && isRowLocked(error)) throw new KeyHeld("another transaction holds the key", { cause: error });
      // It is the table that is locked, or the delivery's: nothing that would be better waited for in smaller batches.
      if (isLocked(error)) waitMs = undefined;
      throw error;
    }
  });
  for (const [index, call] of calls.entries()) {
    const result = results[index];
    if (result === undefined || result instanceof Error || !result.created || isParked(call)) continue;
    ledger.wakes.runnable(call.queue, call.delayMs);
  }
  return results;
}

/** Accepts one call in the caller's own transaction. The wake goes with its commit, or follows it where the transaction is the engine's. */
export async function acceptWith(ledger: Ledger, transaction: CallerTransaction, call: NewCall): Promise<AcceptResult> {
  const executor = executorOfCaller(transaction);
  const wokenLater = ledger.acceptedIn.get(transaction);
  await whileAvailable("accept", () => ledger.delivery.prepare([call.queue]));
  const id = await join(ledger, executor, wokenLater === undefined ? ledger.wakes.onCommit(call.queue) : null);
  // Nobody here sees the commit, after which the gate would have to be opened: it has its delivery, come what may.
  const [result] = await acceptIn(ledger, { executor, id }, [toRow(call, false)]);
  if (result === undefined) throw new Error("accept answered nothing for a call");
  if (!(result instanceof Error) && result.created) wokenLater?.push(call);
  return result;
}

/** Whether a call that is accepted without a transaction of its caller waits at the gate, which is to be opened for it. */
export function isParked(call: NewCall): boolean {
  return call.concurrency !== null && call.delayMs === 0;
}

async function acceptIn(ledger: Ledger, transaction: OpenTransaction, given: readonly CallRow[]): Promise<AcceptResult[]> {
  // In the order of their keys, so that two processes that accept the same keys wait for each other in the same order.
  const rows = given.toSorted((a, b) => ((a.keyHash ?? "") < (b.keyHash ?? "") ? -1 : 1));
  const inserting = insertCalls(ledger, transaction, rows);
  // Nothing can be in the way of a call without a key that no attempt starts: its delivery goes in the same message. Of a key that has a call
  // already none is sent, for those of one that is asked for again and again would stand before the calls of others.
  const isSure = transaction.id === null && rows.every(({ call, keyHash }) => keyHash === null && call.startedBy === null);
  const send = (sent: readonly CallRow[]) => deliver(ledger, transaction, sent);
  const [{ created, refused }] = await Promise.all([inserting, isSure ? send(given) : null]);
  const fresh = given.filter(({ call }) => created.has(call.id));
  if (!isSure) await send(fresh);
  const known =
    fresh.length === given.length
      ? []
      : await lookUpCalls(
          ledger,
          transaction.executor,
          rows.filter(({ call }) => !created.has(call.id)),
        );
  const results = new Map<CallRow, AcceptResult>();
  const taken = new Set<string>();
  for (const row of rows) {
    const { id } = row.call;
    // Of an id that stands twice only the first made the row.
    const isMade = created.has(id) && !taken.has(id);
    taken.add(id);
    results.set(row, isMade ? { id, state: "queued", created: true } : existing(row, { known, isRefused: refused.has(id) }));
  }
  return given.map((row) => results.get(row)!);
}

async function deliver({ delivery }: Ledger, { executor }: OpenTransaction, rows: readonly CallRow[]): Promise<void> {
  // One id may stand twice in a batch, when a caller repeats itself.
  const delivered = new Map(rows.flatMap(({ call, parked }) => (parked ? [] : [[call.id, call]])));
  if (delivered.size > 0) await delivery.send(executor, [...delivered.values()]);
}

function existing(
  { call, keyHash, inputHash }: CallRow,
  { known, isRefused }: { known: readonly KnownCall[]; isRefused: boolean },
): AcceptResult {
  const found = known.find(({ id }) => id === call.id) ?? known.find((other) => other.keyHash !== null && other.keyHash === keyHash);
  if (found === undefined && isRefused && call.startedBy !== null)
    return new StaleAttempt(call.startedBy, "what it wanted to start was refused");
  // Its row was there when this one was refused and is gone now: it was kept no longer than until this moment.
  if (found === undefined) throw Object.assign(new Error("the call of this key was deleted meanwhile"), { code: "40001" });
  if (found.inputHash !== inputHash) return new IdempotencyConflict(call.path);
  return { id: found.id, state: found.state, created: found.id === call.id };
}

function queuesOf(calls: readonly NewCall[]): string[] {
  return [...new Set(calls.map(({ queue }) => queue))];
}
