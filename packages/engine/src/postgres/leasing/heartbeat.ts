import { Worker } from "node:worker_threads";
import type { Heartbeat } from "../../heartbeat.ts";
import { LeaseBoard, machineMs } from "./lease-board.ts";
import type { LeaseThreadData } from "./lease-thread.ts";

/** How a heartbeat is started. */
export interface HeartbeatOptions extends Omit<LeaseThreadData, "memory" | "url"> {
  /** Attempts at once, at most. */
  readonly attempts: number;
  /** The database, once it is known. */
  readonly url: () => Promise<string>;
  readonly onError: (error: unknown) => void;
}

/** Starts a lease thread as soon as the database is known; see `Engine.heartbeat`. The thread keeps no process alive. */
export function startHeartbeat({ attempts, url, onError, ...given }: HeartbeatOptions): Heartbeat {
  const board = LeaseBoard.ofSize(attempts);
  let thread: Promise<Worker | null> | null = null;
  let isClosed = false;

  function ensureThread(): void {
    thread ??= url().then(
      (known) => (isClosed ? null : startThread({ ...given, url: known, memory: board.memory }, onError)),
      () => {
        // Not reachable yet: the next attempt tries again.
        thread = null;
        return null;
      },
    );
  }

  ensureThread();
  return {
    hold(attempt, forMs) {
      ensureThread();
      const nowMs = machineMs();
      board.beatMs = nowMs;
      return board.note(attempt, nowMs + forMs);
    },
    beat() {
      board.beatMs = machineMs();
    },
    extendedAgoMs: () => (board.extendedMs === 0 ? null : machineMs() - board.extendedMs),
    async close() {
      isClosed = true;
      await (await thread)?.terminate();
    },
  };
}

/** Without its thread a heartbeat is none, and that is all: leases are extended by the event loop anyway. */
function startThread(data: LeaseThreadData, onError: (error: unknown) => void): Worker | null {
  try {
    // As it stands beside this file: in the sources, or compiled.
    const program = new URL(`./lease-thread${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
    const thread = new Worker(program, { workerData: data, name: "raincheck leases" });
    thread.on("error", onError);
    thread.unref();
    return thread;
  } catch (error) {
    onError(error);
    return null;
  }
}
