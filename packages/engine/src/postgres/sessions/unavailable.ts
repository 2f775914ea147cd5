/**
 * Which errors say that Postgres could not answer, rather than that the statement was wrong; and what is done about them.
 *
 * Every statement of the engine is safe to repeat (rows are named by ids that the caller chose, writes are fenced), so a
 * short trouble, a restart or a terminated connection, is met by repeating it. A longer one is told as `EngineUnavailable`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { EngineUnavailable } from "../../engine-errors.ts";
import { awayCode } from "./outage.ts";

const connectionCodes = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "CONNECTION_SILENT",
  "CONNECT_TIMEOUT",
  "EAI_AGAIN",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "ENOTFOUND",
  "EPIPE",
  "ETIMEDOUT",
]);

/**
 * SQLSTATEs: 08 connection, 53 resources (disk full, too many connections), 57P0x shutdown and start-up, 57014 statement
 * timeout, 55P03 lock timeout, 40001 and 40P01 serialisation and deadlock, 25006 read-only, 25P03 idle in transaction.
 */
const sqlStates = /^(?:08...|53...|57P0[1-5]|57014|55P03|40001|40P01|25006|25P03)$/;

/** Of these, those with which a server says that it is about to go, or has not come yet. */
const goneSqlStates = /^(?:08...|57P0[1-3])$/;

/** Pauses before the second, third and fourth try, in milliseconds, each drawn from half to all of it. */
const pausesMs = [30, 120, 400];

/** Whether an error says that Postgres could not answer. */
export function isUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && (code === awayCode || connectionCodes.has(code) || sqlStates.test(code));
}

/** Whether an error says that Postgres is not there, or not for much longer; not whether a session was refused by ourselves. */
export function isUnanswered(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && code !== "CONNECTION_ENDED" && (connectionCodes.has(code) || goneSqlStates.test(code));
}

/** Whether an error is an answer of Postgres, which is there to stay. */
export function isAnswered(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && /^[0-9A-Z]{5}$/.test(code) && !isUnanswered(error);
}

/**
 * Whether an error that an application's work has thrown, and that {@link isUnavailable} knows, is its own all the same, given that its
 * connection to Postgres lives: another host that refused it, a file that is not there, a time limit that it set to its statements.
 */
export function isOfTheWork(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && (connectionCodes.has(code) || code === "57014" || code === "55P03");
}

/** Whether a statement was refused because one before it had failed in the same transaction. */
export function isAborted(error: unknown): boolean {
  return codeOf(error) === "25P02";
}

/** Whether a statement has waited for a lock for as long as it may. */
export function isLocked(error: unknown): boolean {
  return codeOf(error) === "55P03";
}

/**
 * Whether it was the lock of a row of the ledger, or a key that another transaction has inserted. Postgres says so in the error's context,
 * in whatever language, by the table's name; of a table's own lock it says nothing.
 */
export function isRowLocked(error: unknown): boolean {
  return isLocked(error) && /\bcall\b/.test(String((error as { where?: unknown }).where));
}

/**
 * Whether an error may be the fault of one row of a batch: Postgres answered, and refused the statement; or it waited for a lock, which
 * somebody holds on one of the rows.
 */
export function isRefused(error: unknown): boolean {
  if (error instanceof EngineUnavailable) return isRowLocked(error.cause);
  return codeOf(error) !== null && !isUnavailable(error);
}

/**
 * Runs a repeatable act, repeating it through a short trouble.
 *
 * @param act what is done, for the message.
 * @throws {EngineUnavailable} after the fourth try, and at once during an outage; any other error at once, as it is.
 */
export async function whileAvailable<TValue>(act: string, work: () => Promise<TValue>): Promise<TValue> {
  for (const pauseMs of [...pausesMs, null]) {
    try {
      return await work();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      if (pauseMs === null || hopeless.has(codeOf(error))) throw new EngineUnavailable(act, error);
      await sleep(pauseMs * (0.5 + Math.random() / 2));
    }
  }
  throw new Error("unreachable");
}

const hopeless = new Set<string | null>(["CONNECTION_ENDED", awayCode]);

function codeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null) return null;
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return "code" in error && typeof error.code === "string" ? error.code : null;
}
