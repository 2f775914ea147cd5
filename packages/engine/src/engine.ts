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
import type { CallEvent, CallId, CallState, Failure, RetryReason } from "@raincheck/protocol";

/** A value as it is stored: text made by the server's codec, opaque to the engine, of any Unicode except U+0000 and lone surrogates. */
export type Payload = string;

/** Who asks. A call is seen by its own principal; an anonymous call (`principal: null`) by everybody who holds its id. */
export interface Reader {
  readonly principal: string | null;
}

/** A call to accept. Times are durations from the acceptance. */
export interface NewCall {
  readonly id: CallId;
  readonly path: string;
  readonly queue: string;
  readonly principal: string | null;
  readonly input: Payload;
  /** What `capture` kept of the caller's context. */
  readonly context: Payload;
  /** `null`: no key, always a new call. */
  readonly idempotencyKey: string | null;
  readonly priority: number;
  /**
   * How many attempts of limited calls with this path may run at once, over all workers and queues, for this one to begin, itself
   * included; what the policy said at its acceptance. `null`: no limit; the call neither waits for others nor counts for them.
   * Limited calls of one path begin in the order of a claim: where the first has no room, those behind it wait too.
   */
  readonly concurrency: number | null;
  /** 0: at once. */
  readonly delayMs: number;
  /** `null`: no limit. Counted from the acceptance, `delayMs` included. */
  readonly startByMs: number | null;
  /** `null`: no limit. */
  readonly deadlineMs: number | null;
  readonly retentionMs: number;
  /** The attempt that starts it; it must still be the one that runs its call. `null`: none does. */
  readonly startedBy: AttemptRef | null;
  /** `false`: the call of `startedBy` is its parent, whose deadline it does not outlive, and whose cancel ends it. */
  readonly detached: boolean;
}

/** What {@link Engine.accept} answers. */
export interface Acceptance {
  readonly id: CallId;
  readonly state: CallState;
  /** `false`: the idempotency key named a call that existed, and this is it. */
  readonly created: boolean;
}

/** One attempt of one call: the fence of everything that it writes. */
export interface AttemptRef {
  readonly id: CallId;
  /** From 1. It counts claims, so it never repeats. */
  readonly attempt: number;
}

/** What a worker wants to run. */
export interface ClaimRequest {
  /** Names the process in the ledger, for operators. */
  readonly worker: string;
  readonly queues: readonly string[];
  /** How many calls at most. */
  readonly limit: number;
  /** How long the worker may stay silent before the attempt counts as lost. */
  readonly leaseMs: number;
  /** The procedures of which this claim takes only so many calls, or none; the others of them are set aside. Default none. */
  readonly withheld?: readonly Withheld[] | undefined;
}

/**
 * A procedure that a worker does not run, or not at any rate: it has no such procedure, or the procedure fails.
 *
 * Calls of it that the worker comes upon are *set aside*: still queued, but in nobody's way. They spend no attempt, and any worker that
 * does not withhold the procedure claims them as before.
 */
export interface Withheld {
  readonly path: string;
  /** How many of its calls this claim may take all the same. */
  readonly places: number;
  /**
   * How long a call that is set aside waits for a worker that has the procedure, from the first that has not; then it fails as
   * `UNKNOWN_PROCEDURE`. `null`: this worker has the procedure, and there is no such limit.
   */
  readonly giveUpAfterMs: number | null;
}

/** What {@link Engine.vouch} is told. */
export interface Vouching {
  readonly queues: readonly string[];
  /** Whether the worker has the procedure at a path. */
  readonly knows: (path: string) => Promise<boolean>;
  /** From now on, calls of these paths wait this long again. */
  readonly giveUpAfterMs: number;
}

/** A call that this worker now runs, until its lease ends. */
export interface ClaimedCall extends AttemptRef {
  readonly path: string;
  readonly queue: string;
  readonly principal: string | null;
  readonly input: Payload;
  readonly context: Payload;
  /** Attempts before this one that failed or timed out: what the retry policy counts. Hand-backs and crashes are not in it. */
  readonly failures: number;
  /** When it was accepted: ISO 8601. */
  readonly createdAt: string;
  /** What is left until its deadline by the engine's clock; `null`: no deadline. */
  readonly deadlineInMs: number | null;
}

/** Why an attempt must stop: its call was cancelled, has expired, or is another's. */
export type LossReason = "cancelled" | "expired" | "lost";

/**
 * Keeps leases while the process's event loop is held, by a resolver that computes: from a thread of its own, which sees when the loop
 * has stopped beating.
 */
export interface Heartbeat {
  /** Lets the lease of an attempt be kept for `forMs` milliseconds from now at most; the returned function ends that. */
  hold(attempt: AttemptRef, forMs: number): () => void;
  /** The event loop is alive. To be called at least four times in the length of a lease. */
  beat(): void;
  /** How long ago the thread last extended what was held, in milliseconds; `null`: it never had to. */
  extendedAgoMs(): number | null;
  close(): Promise<void>;
}

/** An attempt that {@link Engine.extend} could not extend. */
export interface LostAttempt extends AttemptRef {
  readonly reason: LossReason;
}

/** How an attempt ends. */
export type Settlement =
  | { readonly type: "succeeded"; readonly output: Payload }
  | { readonly type: "failed"; readonly failure: Failure }
  | {
      /** The call goes back to the queue. `failed` and `timed-out` count as a failure, `handed-back` costs nothing. */
      readonly type: "retrying";
      readonly reason: Exclude<RetryReason, "lost">;
      readonly failure: Failure | null;
      readonly delayMs: number;
    }
  | {
      /** The worker has no such procedure: the call is handed back and set aside; see {@link Withheld}. */
      readonly type: "unknown";
      readonly giveUpAfterMs: number;
    };

/** `stale`: the call is no longer this attempt's; nothing was written. */
export type SettleResult = "settled" | "stale";

/** A call as the ledger has it. Payloads are still encoded. */
export interface CallRecord {
  readonly id: CallId;
  readonly path: string;
  readonly queue: string;
  readonly principal: string | null;
  /** Its parent, while that is kept, if the reader is its principal: whoever holds the id of an anonymous call has rights to it. */
  readonly parent: CallId | null;
  readonly state: CallState;
  readonly seq: number;
  readonly attempt: number;
  readonly progress: Payload | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Only when `succeeded`. */
  readonly output: Payload | null;
  /** Only when `failed` or `expired`. */
  readonly failure: Failure | null;
  /** Only when `cancelled`. */
  readonly cancelReason: string | null;
}

/** An event as the ledger has it. */
export type StoredEvent = CallEvent<Payload, Payload>;

/** What {@link Engine.list} wants: the reader's own calls, the newest first. An anonymous reader has none. */
export interface ListQuery {
  readonly path: string | null;
  readonly state: CallState | null;
  /** The cursor of the page before; `null`: from the newest. */
  readonly cursor: string | null;
  readonly limit: number;
}

/** A page of {@link Engine.list}; the records carry no output. */
export interface ListPage {
  readonly calls: readonly CallRecord[];
  /** `null` on the last page. */
  readonly nextCursor: string | null;
}

/** Why a child was cancelled. */
export const parentCancelled = "The call that had started this one was cancelled.";

/** What {@link Engine.cancel} answers. */
export interface Cancellation {
  /** `false`: the call had already ended. */
  readonly cancelled: boolean;
  readonly state: CallState;
}

/** The events of one call behind a cursor. */
export interface EventPage {
  /** The `seq` of the call's last event; below the cursor when the cursor is not the call's. */
  readonly lastSeq: number;
  /** In order of `seq`, without gaps; it may end before `lastSeq` when there are many. */
  readonly events: readonly StoredEvent[];
}

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
   */
  subscribe(id: CallId, wake: () => void): () => void;

  /** Calls back whenever one of the queues may have runnable calls, until unsubscribed. */
  onRunnable(queues: readonly string[], wake: () => void): () => void;
}
