import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";

/** A process, told apart from a later one that got the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in whatever unit the system keeps. */
  readonly startedAt: string;
  /** The boot and the pid namespace in which the pid means something. */
  readonly scope: string;
}

/** `elsewhere`: the pid belongs to another container of this machine, and cannot be looked up from here. */
export type Liveness = "alive" | "dead" | "elsewhere";

/** The identity of this process. */
export function identifyThisProcess(): ProcessIdentity {
  own ??= { pid: process.pid, startedAt: startOf(process.pid) ?? "", scope: scopeHere() };
  return own;
}

let own: ProcessIdentity | undefined;

/** Whether that very process still runs. A zombie does not. */
export function livenessOf({ pid, startedAt, scope }: ProcessIdentity): Liveness {
  const here = scopeHere();
  if (scope === here) return startOf(pid) === startedAt ? "alive" : "dead";
  return bootOf(scope) === bootOf(here) ? "elsewhere" : "dead";
}

/** Whether some process has this pid and is no zombie. */
export function isRunning(pid: number): boolean {
  if (process.platform === "linux") return startOf(pid) !== null;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function startOf(pid: number): string | null {
  try {
    if (process.platform !== "linux") return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() || null;
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the name in brackets, which may hold brackets and spaces itself; the state is the third field.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const state = fields[0];
    return state === "Z" || state === "X" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function scopeHere(): string {
  if (process.platform !== "linux") return process.platform;
  return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
}

function bootOf(scope: string): string {
  return scope.split(" ")[0] ?? scope;
}
