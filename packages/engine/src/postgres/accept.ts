/**
 * Accepting: ledger row, event 1 and delivery in one transaction, the caller's own if it gives one.
 *
 * Idempotency is a unique index over a hash of (principal, path, key). A row that it refuses is looked up afterwards, in a
 * statement of its own, which sees what the winner committed.
 */
import { createHash } from "node:crypto";
import type { CallState } from "@raincheck/protocol";
import type { TransactionSql } from "postgres";
import { IdempotencyConflict } from "../engine-errors.ts";
import type { Acceptance, NewCall } from "../engine.ts";
import type { Ledger } from "./ledger.ts";
import { type Executor, executorOf, inTransaction } from "./transaction.ts";
import { whileAvailable } from "./unavailable.ts";

/** What became of one call: accepted, or refused alone. */
export type AcceptResult = Acceptance | IdempotencyConflict;

/** Accepts a batch in a transaction of its own, and wakes the workers. */
export async function acceptBatch(ledger: Ledger, calls: readonly NewCall[]): Promise<AcceptResult[]> {
  await whileAvailable("accept", () => ledger.delivery.prepare(queuesOf(calls)));
  const results = await whileAvailable("accept", () =>
    inTransaction(ledger.control, (transaction) =>
      acceptIn(
        ledger,
        transaction,
        calls.map((call) => toRow(call, isParked(call))),
      ),
    ),
  );
  for (const [index, call] of calls.entries()) {
    const result = results[index];
    if (result instanceof IdempotencyConflict || !result?.created || isParked(call)) continue;
    ledger.wakes.runnable(call.queue, call.delayMs);
  }
  return results;
}

/** Accepts one call in the caller's own transaction. The wake goes with its commit. */
export async function acceptWith(ledger: Ledger, transaction: TransactionSql, call: NewCall): Promise<AcceptResult> {
  await whileAvailable("accept", () => ledger.delivery.prepare([call.queue]));
  // Nobody here sees the commit, after which the gate would have to be opened: it has its delivery, come what may.
  const [result] = await acceptIn(ledger, transaction, [toRow(call, false)]);
  if (result === undefined) throw new Error("accept answered nothing for a call");
  if (!(result instanceof IdempotencyConflict) && result.created) await ledger.wakes.runnableOnCommit(transaction, call.queue);
  return result;
}

/** Whether a call that is accepted without a transaction of its caller waits at the gate, which is to be opened for it. */
export function isParked(call: NewCall): boolean {
  return call.concurrency !== null && call.delayMs === 0;
}

async function acceptIn(ledger: Ledger, transaction: Executor, given: readonly Row[]): Promise<AcceptResult[]> {
  // In the order of their keys, so that two processes that accept the same keys wait for each other in the same order.
  const rows = given.toSorted((a, b) => ((a.keyHash ?? "") < (b.keyHash ?? "") ? -1 : 1));
  const created = await insert(ledger, transaction, rows);
  const fresh = given.filter(({ call }) => created.has(call.id));
  const delivered = fresh.filter(({ parked }) => !parked).map(({ call }) => call);
  if (delivered.length > 0) await ledger.delivery.send(executorOf(transaction), delivered);
  const known =
    fresh.length === given.length
      ? []
      : await lookUp(
          ledger,
          transaction,
          rows.filter(({ call }) => !created.has(call.id)),
        );
  const taken = new Set<string>();
  return rows
    .map((row): [Row, AcceptResult] => {
      // One id may stand twice in a batch, when a caller repeats itself: only the first made the row.
      if (created.has(row.call.id) && !taken.has(row.call.id)) {
        taken.add(row.call.id);
        return [row, { id: row.call.id, state: "queued", created: true }];
      }
      return [row, existing(row, known)];
    })
    .sort(([a], [b]) => given.indexOf(a) - given.indexOf(b))
    .map(([, result]) => result);
}

interface Row {
  readonly call: NewCall;
  /** In hex; `null` without a key. */
  readonly keyHash: string | null;
  /** In hex. */
  readonly inputHash: string;
  readonly parked: boolean;
}

interface KnownCall {
  readonly id: string;
  readonly state: CallState;
  readonly key_hash: string | null;
  readonly input_hash: string;
}

function toRow(call: NewCall, parked: boolean): Row {
  const { principal, path, idempotencyKey } = call;
  const keyHash = idempotencyKey === null ? null : sha256(JSON.stringify([principal, path, idempotencyKey]));
  return { call, keyHash, inputHash: sha256(call.input), parked };
}

async function insert({ schema }: Ledger, sql: Executor, rows: readonly Row[]): Promise<Set<string>> {
  const column = <TValue>(pick: (call: NewCall) => TValue): TValue[] => rows.map(({ call }) => pick(call));
  // `parked` as a number: postgres.js takes an array of booleans for one boolean.
  const accepted = await sql<{ id: string }[]>`
    with item as (
      select * from unnest(
        ${column(({ id }) => id)}::uuid[], ${column(({ path }) => path)}::text[], ${column(({ queue }) => queue)}::text[],
        ${column(({ principal }) => principal)}::text[], ${column(({ input }) => input)}::text[], ${column(({ context }) => context)}::text[],
        ${rows.map(({ keyHash }) => keyHash)}::text[], ${rows.map(({ inputHash }) => inputHash)}::text[],
        ${column(({ priority }) => priority)}::int[], ${column(({ delayMs }) => delayMs)}::float8[],
        ${column(({ startByMs }) => startByMs)}::float8[], ${column(({ deadlineMs }) => deadlineMs)}::float8[],
        ${column(({ retentionMs }) => retentionMs)}::bigint[], ${column(({ concurrency }) => concurrency)}::int[],
        ${rows.map(({ parked }) => (parked ? 1 : 0))}::int[]
      ) as item (id, path, queue, principal, input, context, key_hash, input_hash, priority, delay_ms, start_by_ms, deadline_ms, retention_ms, concurrency, parked)
    ), accepted as (
      insert into ${sql(schema)}.call
        (id, path, queue, principal, state, seq, priority, input, context, key_hash, input_hash, created_at, due_at, expires_at, deadline, retention_ms,
         concurrency, parked)
      select
        id, path, queue, principal, 'queued', 1, priority, input, context, decode(key_hash, 'hex'), decode(input_hash, 'hex'), now(),
        now() + delay_ms * interval '1 millisecond',
        now() + least(start_by_ms, deadline_ms) * interval '1 millisecond',
        now() + deadline_ms * interval '1 millisecond',
        retention_ms, concurrency, parked = 1
      from item
      on conflict do nothing
      returning id
    ), noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt)
      select id, 1, 'queued', now(), 0 from accepted
    )
    select id from accepted`;
  return new Set(accepted.map(({ id }) => id));
}

function lookUp({ schema }: Ledger, sql: Executor, rows: readonly Row[]): Promise<KnownCall[]> {
  const keys = rows.flatMap(({ keyHash }) => (keyHash === null ? [] : [keyHash]));
  return sql<KnownCall[]>`
    select id, state, encode(key_hash, 'hex') as key_hash, encode(input_hash, 'hex') as input_hash
    from ${sql(schema)}.call
    where id in (
      select id from ${sql(schema)}.call where id = any(${rows.map(({ call }) => call.id)}::uuid[])
      union
      select id from ${sql(schema)}.call where key_hash = any(array(select decode(hex, 'hex') from unnest(${keys}::text[]) as hex))
    )`;
}

function existing({ call, keyHash, inputHash }: Row, known: readonly KnownCall[]): AcceptResult {
  const found = known.find(({ id }) => id === call.id) ?? known.find(({ key_hash }) => key_hash !== null && key_hash === keyHash);
  // Its row was there when this one was refused and is gone now: it was kept no longer than until this moment.
  if (found === undefined) throw Object.assign(new Error("the call of this key was deleted meanwhile"), { code: "40001" });
  if (found.input_hash !== inputHash) return new IdempotencyConflict(call.path);
  return { id: found.id, state: found.state, created: found.id === call.id };
}

function queuesOf(calls: readonly NewCall[]): string[] {
  return [...new Set(calls.map(({ queue }) => queue))];
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
