/**
 * The port between Raincheck and what keeps its calls: ledger, delivery and wake-ups behind one interface.
 *
 * - **The ledger is the truth.** A verb resolves when the ledger has it; what it resolved with survives the process.
 * - **Every write of an attempt is fenced** by {@link AttemptRef}: of two workers that both believe they run a call, only the
 *   one with the highest attempt changes anything. The other is answered `stale`, and nothing of its transaction remains.
 * - **A wake is a hint.** {@link Engine.subscribe} and {@link Engine.onRunnable} may call too often, never too seldom: an engine
 *   whose notifications are lost finds the change by its poll.
 * - **Time is the engine's.** Callers give durations; the engine decides by its own clock when they have passed.
 * - **Access is decided in the same step as the act.** A {@link Reader} who may not see a call is answered as if it did not exist.
 *
 * Every verb starts the engine if nobody has. Each may reject with `EngineUnavailable`, which says nothing of the
 * call: the act may or may not have happened. Repeating the same act with the same arguments is always safe.
 */
import type { CallId } from "@raincheck/protocol";
import type { AttemptRef, LostAttempt, SettleResult, Settlement } from "./attempt.ts";
import type { CallRecord, EventPage, ListPage, ListQuery, Reader } from "./call-record.ts";
import type { Cancellation } from "./cancellation.ts";
import type { ClaimRequest, ClaimedCall, Vouching } from "./claim-request.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { Acceptance, NewCall } from "./new-call.ts";
import type { Payload } from "./payload.ts";
import type { Repeat, Repetition } from "./repetition.ts";
import type { WakeHint } from "./wake-hint.ts";
import type { Yields } from "./yields.ts";

/**
 * Ledger, delivery and wake-ups.
 *
 * @typeParam TTransaction what a transaction of this engine hands to the application: postgres.js's `TransactionSql`, or
 *   `null` in the memory engine, which has none.
 * @typeParam TCallerTransaction what {@link Engine.accept} takes as the caller's own transaction; default: the same.
 */
export interface Engine<TTransaction = unknown, TCallerTransaction = TTransaction> {
  /** For messages and logs: `"postgres"`, `"memory"`. */
  readonly name: string;

  /** Opens what the engine needs and migrates it. Concurrent and repeated calls share one start. */
  start(): Promise<void>;

  /** Closes everything that the engine opened. Verbs reject afterwards, as `EngineStopped`. Idempotent. */
  stop(): Promise<void>;

  /**
   * Makes a call durable and runnable. The same call once more, by its id or by its idempotency key, makes no second one.
   * Callers without a principal share one set of keys.
   *
   * A call that an attempt starts is fenced by it. Its deadline is at most its parent's, by the engine's clock.
   *
   * @param options.transaction the caller's own open transaction: the call exists if and when it commits. The transaction that
   *   {@link Engine.commit} hands out is one: what is accepted in it is there if and when the attempt has succeeded.
   * @throws {IdempotencyConflict} when the key names a call with another input. The caller's transaction can go on.
   * @throws {StaleAttempt} when `startedBy` no longer runs its call; nothing was stored.
   * @throws {TransactionRefused} when `transaction` is not one, or not on the ledger's database; then nothing was written.
   */
  accept(call: NewCall, options?: { readonly transaction?: TCallerTransaction | undefined }): Promise<Acceptance>;

  /**
   * Takes up to `limit` runnable calls, in order of priority, then age; an empty list when there are none. A call whose path has no
   * room (see {@link NewCall.concurrency}) is not runnable, and holds up no other path.
   */
  claim(request: ClaimRequest): Promise<readonly ClaimedCall[]>;

  /**
   * Puts off the end of calls that were set aside by workers without their procedure: this worker has it, though perhaps no slot for
   * them for a long time.
   */
  vouch(request: Vouching): Promise<void>;

  /**
   * Renews the leases of a worker's attempts, in one step, and names those that are no longer its own. The call's latest
   * attempt is told how the call ended; every earlier one is `lost`.
   */
  extend(attempts: readonly AttemptRef[], leaseMs: number): Promise<readonly LostAttempt[]>;

  /**
   * Starts a {@link Heartbeat} for a worker with so many attempts at once. Absent in engines whose leases a thread could not keep.
   *
   * @param options.leaseMs as in {@link Engine.extend}.
   * @param options.limitMs how long the event loop may be held before its leases are given up.
   */
  heartbeat?(options: { readonly leaseMs: number; readonly limitMs: number; readonly attempts: number }): Heartbeat;

  /** Writes an attempt's progress as the call's latest and as an event; nothing, if it is the attempt's latest already. */
  report(attempt: AttemptRef, progress: Payload): Promise<SettleResult>;

  /**
   * Appends values that the attempt has yielded: each an event, equal ones too, before whatever is written next. What the ledger has of
   * them already is not written again, so a batch may be repeated, also as a part of a larger one.
   *
   * @throws {YieldsMissing} when the ledger has fewer of the attempt's than `yields.after`.
   */
  append(attempt: AttemptRef, yields: Yields): Promise<SettleResult>;

  /**
   * Ends an attempt. Safe to repeat: the same settlement of an attempt that settled before is answered as it was then, also
   * when the next attempt has begun. Any other settlement of it is `stale`.
   */
  settle(attempt: AttemptRef, settlement: Settlement): Promise<SettleResult>;

  /**
   * Runs the application's writes and ends the attempt as `succeeded` in one transaction.
   *
   * @param work runs inside the transaction; its `output` is stored, its `value` handed through. When it throws, everything is
   *   rolled back and the error is rethrown as it is.
   * @throws {StaleAttempt} when the call is no longer this attempt's, because it has settled for one: everything was rolled back.
   * @throws {EngineUnavailable} when the transaction did not commit for want of the engine. After an ambiguous commit the
   *   ledger was read: if it had committed, this resolves.
   */
  commit<TValue>(attempt: AttemptRef, work: (transaction: TTransaction) => Promise<{ value: TValue; output: Payload }>): Promise<TValue>;

  /** Runs the application's writes in a transaction of their own: what `commit` is in sync mode. Engines limit how long it may idle. */
  transaction<TValue>(work: (transaction: TTransaction) => Promise<TValue>): Promise<TValue>;

  /**
   * Ends an open call as `cancelled`. `null`: not the reader's, or unknown.
   *
   * Its open children are cancelled too, with {@link parentCancelled} as their reason, and theirs: reliably, though if need be a
   * little after this resolves. None of them begins an attempt after it. A call that ends in any other way leaves its children be.
   */
  cancel(id: CallId, reader: Reader, reason: string | null): Promise<Cancellation | null>;

  /**
   * Makes a new call of one that has ended; see {@link Repeat}. `null`: not the reader's, or unknown. As {@link Engine.accept} does, it
   * makes no second call when it is asked the same once more.
   */
  repeat(id: CallId, reader: Reader, repeat: Repeat): Promise<Repetition | null>;

  /** The call as it is now. `null`: not the reader's, or unknown. */
  read(id: CallId, reader: Reader): Promise<CallRecord | null>;

  /**
   * A page of the reader's calls.
   *
   * @throws {InvalidOption} for a cursor that no page gave.
   */
  list(reader: Reader, query: ListQuery): Promise<ListPage>;

  /** The call's events behind a cursor (0: all). `null`: not the reader's, or unknown. Concurrent reads share a round trip. */
  events(id: CallId, after: number, reader: Reader): Promise<EventPage | null>;

  /**
   * Calls back whenever the call may have changed, until unsubscribed. To miss nothing: subscribe first, then read, then
   * read again at each wake. Holds no connection and no query of its own.
   *
   * @param wake is told whether the call goes on, where that is known: who waits for its end alone need not read then.
   */
  subscribe(id: CallId, wake: (hint: WakeHint) => void): () => void;

  /** Calls back whenever one of the queues may have runnable calls, until unsubscribed. */
  onRunnable(queues: readonly string[], wake: () => void): () => void;
}
