import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `null` when the pid file is missing or damaged; a running server may then still take connections. */
export function statusInPidFile(data: string): "starting" | "ready" | null {
  const lines = readPidFile(data);
  if (lines === null) return null;
  return lines[7]?.trim() === "ready" ? "ready" : "starting";
}

function readPidFile(data: string): readonly string[] | null {
  try {
    const lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
    return /^\d+$/.test(lines[0] ?? "") ? lines : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** The process that the pid file names; `null` when it names none. */
export function pidInPidFile(data: string): number | null {
  const lines = readPidFile(data);
  return lines === null ? null : Number(lines[0]);
}

/**
 * Prepares the pid file that a dead server left: by now its pid may be another process's, and Postgres would refuse to start. The file
 * itself stays, for it names the shared memory by which Postgres finds out that children of the dead server still write. Only called when no
 * server runs on the data.
 */
export function disownPidFile(data: string): void {
  const path = join(data, "postmaster.pid");
  const lines = readPidFile(data);
  if (lines === null) rmSync(path, { force: true });
  else writeFileSync(path, `${[String(process.pid), ...lines.slice(1, 7)].join("\n")}\n`);
}
