/**
 * Who uses the server: whoever has the presence pipe open for writing.
 *
 * The kernel closes a process's end however the process ends, SIGKILL included, so nobody has to be asked whether he still lives, and
 * no signal handler is needed. The reader is the server's supervisor, which stops the server when the last writer has
 * gone and no other came for a while. A newline says "I am here", and restarts that while.
 */
import { execFileSync } from "node:child_process";
import { closeSync, constants, lstatSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { ownLike } from "./os-user.ts";

/** This process's use of the server. */
export interface Presence {
  /** Tells the supervisor; `false` when there is none any more. */
  announce(): boolean;
  /** Idempotent. */
  leave(): void;
}

/** Makes the pipe, unless it is there. */
export function ensurePipe(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isFIFO()) return;
  rmSync(path, { recursive: true, force: true });
  execFileSync("mkfifo", ["-m", "600", path], { stdio: ["ignore", "ignore", "pipe"] });
  ownLike(path, path);
}

/** Becomes a user of the server; `null` when no supervisor reads the pipe. */
export function becomePresent(path: string): Presence | null {
  let end: number | null;
  try {
    end = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENXIO") return null;
    throw error;
  }
  return {
    announce() {
      if (end === null) return false;
      try {
        writeSync(end, "\n");
        return true;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // A full pipe has a reader that is stopped or busy.
        if (code === "EAGAIN") return true;
        if (code === "EPIPE") return false;
        throw error;
      }
    },
    leave() {
      if (end !== null) closeSync(end);
      end = null;
    },
  };
}

/** The supervisor's end. Opened before anybody is present, so that the first user finds a reader. */
export function openReader(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** Whether any process uses the server. */
export function isAnybodyPresent(path: string): boolean {
  const end = openReader(path);
  try {
    // 0: no writer has the pipe open. Anything read was an announcement, so its writer was there a moment ago: look again.
    while (readSync(end, Buffer.alloc(64)) > 0);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return true;
    throw error;
  } finally {
    closeSync(end);
  }
}
