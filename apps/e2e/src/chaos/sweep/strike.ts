/**
 * How a process is struck at a point, on the agreement between it and the sweep: the process that comes first to the point makes the
 * file `hit`, and then dies, stops, or stands still until the sweep has made the file `hit.done`.
 */
import type { FaultKind } from "../fault-kind.ts";

/** What can strike at a point. */
export const strikes = ["sigkill", "sigstop", "terminatedBackend", "postgresRestart"] as const satisfies readonly FaultKind[];

/** See {@link strikes}. */
export type Strike = (typeof strikes)[number];

/** What the sweep sends to every process. */
export interface Arming {
  readonly point: string;
  readonly strike: Strike;
  /** The file that says that the point was reached; there is one in each scenario. */
  readonly hit: string;
}

/** The file that lets a process go on that stands still. */
export function doneFileOf(hit: string): string {
  return `${hit}.done`;
}
