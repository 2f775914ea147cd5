import type { AttemptRef } from "@raincheck/engine";

/** Something that the application should know and nobody can be told by an exception. */
export interface LogEntry {
  readonly level: "warn";
  readonly message: string;
  readonly path: string;
  /** `null` in sync mode. */
  readonly attempt: AttemptRef | null;
  /** What was thrown, if something was. */
  readonly error?: unknown;
}

/** Takes log entries. */
export type Log = (entry: LogEntry) => void;

/** The default: `console.warn`, in one line. */
export const logToConsole: Log = (entry) => {
  const call = entry.attempt === null ? "" : ` (call ${entry.attempt.id}, attempt ${entry.attempt.attempt})`;
  const line = `[raincheck] ${JSON.stringify(entry.path)}${call}: ${entry.message}`;
  if (entry.error === undefined) console.warn(line);
  else console.warn(line, entry.error);
};

/** A log that cannot break what it reports on. */
export function guardedLog(log: Log): Log {
  return (entry) => {
    try {
      log(entry);
    } catch {
      // The application's log failed; there is nobody left to tell.
    }
  };
}
