/**
 * How long a session may keep others waiting: the limits that the server holds, and the one that is held here.
 *
 * The server's are set by the session's first statement, not as start-up parameters, which a pooler refuses. Behind a pooler in
 * transaction mode (`listen: false`) a session's settings would stay on a connection that others get next: there each transaction sets
 * its own, in the same message as its `begin`, and single statements have the limit that is held here alone.
 */

/** See the file's head; all in milliseconds. */
export interface SessionLimits {
  /** For one statement. */
  readonly statementMs: number;
  /** For one wait for a lock. */
  readonly lockMs: number;
  /** For a transaction in which nothing happens: its process was stopped, or its connection has gone silent. */
  readonly idleMs: number;
  /** How long a session in use may say and hear nothing, before the server is asked what has become of it. */
  readonly silenceMs: number;
  /** Whether its statements find their rows by an index, whatever Postgres believes of the tables; see {@link byIndex}. */
  readonly isByIndex: boolean;
}

/**
 * The tables grow from nothing to thousands of rows within seconds, and are as often empty again. Statistics come a minute later, and a
 * plan that was kept when a table was small is kept for as long as its session lives: it then reads the whole table for each batch, or
 * compares each row of one with each of another. All of the engine's statements, and those of the delivery, have an index for what they look for.
 *
 * So a statement's plan is the same for whatever values: it is made once a session. Made anew each time it takes longer than the statement itself,
 * half a millisecond for a table of as many indexes.
 */
const byIndex = { enable_seqscan: "off", enable_bitmapscan: "off", jit: "off", plan_cache_mode: "force_generic_plan" };

/**
 * The engine's own statements are short, but for those that carry the largest payloads. One process that freezes in its settle
 * transaction must not hold a row for long, and a statement that waits for a lock fails and is repeated.
 */
export const controlLimits: SessionLimits = { statementMs: 30_000, lockMs: 5_000, idleMs: 2_000, silenceMs: 4_500, isByIndex: true };

/**
 * Transactions that hold the application's writes: how long they take is the application's business, within reason. It may be silent
 * while it thinks, so silence says nothing here before the server would have ended the session. Who waits for a lock of one that was frozen
 * has it when that is ended as idle, well before its own limit.
 */
export const applicationLimits: SessionLimits = {
  statementMs: 300_000,
  lockMs: 40_000,
  idleMs: 30_000,
  silenceMs: 301_000,
  isByIndex: false,
};

/** The first statements of a process may wait for others that migrate, and migrate themselves; nothing is set for their session. */
export const startLimits: SessionLimits = { statementMs: 300_000, lockMs: 300_000, idleMs: 30_000, silenceMs: 301_000, isByIndex: false };

/** Begins a transaction. Whatever the role or the database says: what is read under a lock must be what was committed before it was had. */
export const begin = "begin isolation level read committed";

/** What {@link begin} says of its transaction, for each single statement of a session. */
export const singleStatements = "set session default_transaction_isolation = 'read committed'";

/** The limits as a statement for the session, or for the transaction that it stands in. */
export function setLimits({ statementMs, lockMs, idleMs, isByIndex }: SessionLimits, scope: "session" | "local"): string {
  const set = { statement_timeout: statementMs, lock_timeout: lockMs, idle_in_transaction_session_timeout: idleMs };
  return Object.entries({ ...set, ...(isByIndex && byIndex) })
    .map(([name, value]) => `set ${scope} ${name} = ${value}`)
    .join("; ");
}

/** Another limit for waits for a lock, as a statement for the transaction that it stands in. */
export function setLockLimit(lockMs: number): string {
  return `set local lock_timeout = ${lockMs}`;
}
