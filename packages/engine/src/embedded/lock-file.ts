/**
 * A lock between processes that outlives no holder.
 *
 * The lock is a file that names its holder. It appears complete, by `link()`, so nobody ever reads half a holder. When the
 * holder is dead, the lock may be taken over, but only by whoever holds the lock `<path>.takeover`: so two that find the same dead
 * holder cannot both replace it, and one that was suspended in between finds that the holder is no longer the one it saw. That
 * second lock may have a dead holder too, and is then taken over in the same way.
 */
import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Liveness, type ProcessIdentity, identifyThisProcess, livenessOf } from "./process-identity.ts";

/** A lock that this process holds. */
export interface HeldLock {
  readonly held: true;
  release(): void;
}

/** Who holds the lock instead. */
export interface LockHolder {
  readonly held: false;
  readonly path: string;
  readonly pid: number;
  readonly liveness: Exclude<Liveness, "dead">;
}

/** Takes the lock if it is free or its holder is dead; otherwise names the holder. */
export function tryLock(path: string): HeldLock | LockHolder {
  const holder = JSON.stringify({ ...identifyThisProcess(), token: randomUUID() });
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, holder, { flag: "wx", mode: 0o644 });
  try {
    for (;;) {
      if (linkIfAbsent(draft, path)) return heldLock(path, holder);
      const other = readIfPresent(path);
      if (other === null) continue;
      const identity = parseHolder(other);
      const liveness = identity === null ? "dead" : livenessOf(identity);
      if (identity !== null && liveness !== "dead") return { held: false, path, pid: identity.pid, liveness };

      const takeover = tryLock(`${path}.takeover`);
      if (!takeover.held) return takeover;
      try {
        if (readIfPresent(path) === other) {
          renameSync(draft, path);
          return heldLock(path, holder);
        }
      } finally {
        takeover.release();
      }
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Takes the lock, waiting for its holder.
 *
 * @returns the lock, or who still held it when `timeoutMs` had passed. A holder elsewhere is not waited for: whether it lives cannot be seen.
 */
export async function takeLock(path: string, timeoutMs: number): Promise<HeldLock | LockHolder> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    const lock = tryLock(path);
    if (lock.held || lock.liveness === "elsewhere" || performance.now() > giveUpAt) return lock;
    await sleep(15);
  }
}

function heldLock(path: string, holder: string): HeldLock {
  return {
    held: true,
    release() {
      if (readIfPresent(path) === holder) rmSync(path, { force: true });
    },
  };
}

function linkIfAbsent(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** `null`: not written by this code, or emptied by a power failure. No live holder leaves it so. */
function parseHolder(text: string): ProcessIdentity | null {
  try {
    const { pid, startedAt, scope } = JSON.parse(text) as Partial<ProcessIdentity>;
    return typeof pid === "number" && typeof startedAt === "string" && typeof scope === "string" ? { pid, startedAt, scope } : null;
  } catch {
    return null;
  }
}
