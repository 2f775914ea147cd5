/**
 * What hands the id of a runnable call to some worker. It carries ids and nothing else, and nothing is believed of it: a
 * delivery that is lost is sent again from the ledger, one that comes twice or too early finds the call not claimable.
 *
 * A delivery is acknowledged when it is taken, in the transaction that claims the call. From there the ledger's lease holds
 * the call, and each way back to the queue sends a new delivery. So there is one clock for lost workers, not two, and the
 * delivery's own store holds only what waits.
 */
import type { CallId } from "@raincheck/protocol";

/** A database as a delivery sees it: one statement at a time, inside the transaction that it belongs to. */
export interface SqlExecutor {
  execute(text: string, values?: readonly unknown[]): Promise<{ rows: unknown[] }>;
}

/** The id of a call that is, or will be, runnable. */
export interface Delivered {
  readonly id: CallId;
  readonly queue: string;
  readonly priority: number;
  /** How long until it may be taken; 0: at once. */
  readonly delayMs: number;
}

/** How a delivery reaches its database. */
export interface DeliveryConnection {
  /** For set-up: a connection string with the right to create schemas. */
  readonly url: string;
  /** For everything else: the engine's own pool. */
  readonly database: SqlExecutor;
  /** The ledger's schema; the delivery keeps its tables in one of its own beside it. */
  readonly schema: string;
  /** `false`: create nothing, refuse to open what is not up to date. */
  readonly migrate: boolean;
}

/** What {@link Delivery.take} took. */
export interface Taken {
  readonly ids: readonly CallId[];
  /** Removes them for good, in the transaction that took them. */
  acknowledge(): Promise<void>;
}

/** An open delivery. */
export interface Delivery {
  /** Makes the queues known; idempotent. */
  prepare(queues: readonly string[]): Promise<void>;
  /** Sends ids, in the caller's transaction. An id that is already waiting is left as it is. */
  send(transaction: SqlExecutor, deliveries: readonly Delivered[]): Promise<void>;
  /** Takes up to `limit` ids of one queue, by priority, then age, in the caller's transaction. They are to be acknowledged in the same. */
  take(transaction: SqlExecutor, queue: string, limit: number): Promise<Taken>;
  close(): Promise<void>;
}

/** Opens a delivery on a database; `postgresEngine({ delivery })` takes one. */
export interface DeliveryFactory {
  readonly name: string;
  open(connection: DeliveryConnection): Promise<Delivery>;
}
