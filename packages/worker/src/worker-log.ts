import type { CallId } from "@raincheck/protocol";

/** How much a {@link WorkerLogEntry} matters. */
export type WorkerLogLevel = "debug" | "info" | "warn" | "error";

/**
 * What a {@link WorkerLogEntry} is about. The names are stable.
 *
 * - `worker-started`, `worker-stopping`, `worker-stopped`: info.
 * - `engine-unavailable` (warn), `engine-recovered` (info): told once for each outage, not for each try.
 * - `attempt-ended`: debug; info for a cancelled or expired call.
 * - `attempt-failed`: error when the caller does not see the error (find it by `errorId`); warn when a webhook's address is refused for the first time; info
 *   otherwise.
 * - `attempt-lost`: warn. The lease ended, or another worker has the call.
 * - `result-stale`: warn. The result came too late and was dropped; nothing of it was written.
 * - `result-waiting` (warn): the ledger does not take the result; it is kept and tried again. `result-dropped` (error): the worker
 *   stopped, or the ledger refused it, before it was written.
 * - `reply-given-up`: error. A reply, or a message to a webhook, has failed for good: nobody else is told.
 * - `retry-when-threw`: warn. The policy's `retry.when` threw; the error counted as worth a retry.
 * - `retry-when-async`: warn. The policy's `retry.when` gave a promise; the error counted as worth a retry.
 * - `retry-after-unreadable`: warn. A `RetryError` of another copy of the package asked for a wait that is no duration; the policy decided.
 * - `procedure-unknown`: warn, once a minute for each path.
 * - `resolver-abandoned` (warn), `resolver-returned` (info), `resolvers-too-many-abandoned` (error): resolvers that ignore their signal.
 * - `event-loop-late`: warn. Something held the event loop, and the procedures that were running are named; or the process itself stood
 *   still, which its CPU time tells.
 * - `fault`: error. A fault of the worker itself.
 */
export type WorkerLogEvent =
  | "worker-started"
  | "worker-stopping"
  | "worker-stopped"
  | "engine-unavailable"
  | "engine-recovered"
  | "attempt-ended"
  | "attempt-failed"
  | "attempt-lost"
  | "result-stale"
  | "result-waiting"
  | "result-dropped"
  | "reply-given-up"
  | "retry-when-threw"
  | "retry-when-async"
  | "retry-after-unreadable"
  | "procedure-unknown"
  | "resolver-abandoned"
  | "resolver-returned"
  | "resolvers-too-many-abandoned"
  | "event-loop-late"
  | "fault";

/** The attempt that a log entry or an error is about. */
export interface AttemptLabel {
  readonly id: CallId;
  readonly path: string;
  readonly attempt: number;
}

/** One entry of the worker's log. */
export interface WorkerLogEntry {
  readonly level: WorkerLogLevel;
  readonly event: WorkerLogEvent;
  /** One sentence for people. */
  readonly message: string;
  /** The worker's name. */
  readonly worker: string;
  readonly call?: AttemptLabel;
  /** The `errorId` of the failure that the caller sees instead of `error`. */
  readonly errorId?: string;
  /** As it was thrown. */
  readonly error?: unknown;
  /** Figures and names that belong to the event; those that end in `Ms` are milliseconds. */
  readonly facts?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

/** Takes log entries. */
export type WorkerLog = (entry: WorkerLogEntry) => void;

/** What {@link OnWorkerError} is told beside the error. */
export interface WorkerErrorContext {
  readonly worker: string;
  /** Absent for a fault of the worker itself. */
  readonly call?: AttemptLabel;
  readonly errorId?: string;
}

/** Takes errors, as they were thrown. */
export type OnWorkerError = (error: unknown, context: WorkerErrorContext) => void;

/** Writes warnings and errors to the console, each as one line and, if there is one, the error itself. */
export function logToConsole(entry: WorkerLogEntry): void {
  if (entry.level !== "warn" && entry.level !== "error") return;
  const call = entry.call === undefined ? "" : ` ${entry.call.path} ${entry.call.id}#${entry.call.attempt}`;
  const errorId = entry.errorId === undefined ? "" : ` errorId=${entry.errorId}`;
  const line = `[raincheck ${entry.worker}] ${entry.event}${call}${errorId}: ${entry.message}`;
  console[entry.level](line, ...(entry.error === undefined ? [] : [entry.error]));
}
