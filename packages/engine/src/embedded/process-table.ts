import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";

/** A running Postgres server. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** The shells that watch it; they end with it. None if they were killed. */
  readonly supervisors: readonly number[];
}

interface Row {
  readonly pid: number;
  readonly parent: number;
  readonly args: readonly string[];
}

/**
 * The server that runs on a data directory, found by how it was started: `postgres -D <data> -p <port>`. `postmaster.pid` is not asked: it
 * may be stale, and its pid another process's; it may be damaged, or not written yet.
 */
export function findPostmaster(data: string): Postmaster | null {
  const rows = process.platform === "linux" ? rowsOfProc(data) : rowsOfPs(data);
  const servers = rows.filter(({ args: [, flag, directory, portFlag] }) => flag === "-D" && directory === data && portFlag === "-p");
  // A child looks like the postmaster until it has changed its title.
  const found = servers.find((row) => !servers.some(({ pid }) => pid === row.parent));
  if (found === undefined) return null;
  return {
    pid: found.pid,
    port: Number(found.args[4]),
    supervisors: rows.filter(({ args }) => args[0] === "/bin/sh").map(({ pid }) => pid),
  };
}

/** Whether a process is a Postgres that works on a data directory, however it was started. */
export function isServing(pid: number, data: string): boolean {
  try {
    // A server lives in its data directory.
    if (process.platform === "linux") return readlinkSync(`/proc/${pid}/cwd`) === data;
    return /postgres|postmaster/.test(execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" }));
  } catch {
    // It is not there, or not of the user that the data belongs to.
    return false;
  }
}

/** The processes that name the data directory as an argument. */
function rowsOfProc(data: string): readonly Row[] {
  const rows: Row[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const args = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      if (!args.includes(data)) continue;
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      rows.push({ pid: Number(entry), parent: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]), args });
    } catch {
      // It ended while the table was read.
    }
  }
  return rows;
}

/** The same from `ps`, which joins the arguments by spaces: they are taken apart around what is known of them. */
function rowsOfPs(data: string): readonly Row[] {
  const rows: Row[] = [];
  for (const line of execFileSync("ps", ["-axww", "-o", "pid=,ppid=,command="], { encoding: "utf8", maxBuffer: 2 ** 26 }).split("\n")) {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    const [before, after] = command?.split(` -D ${data} -p `) ?? [];
    if (before === undefined || after === undefined || !before.endsWith("/postgres")) continue;
    const args = before.startsWith("/bin/sh ") ? ["/bin/sh", before] : [before, "-D", data, "-p", /^\d+/.exec(after)?.[0] ?? ""];
    rows.push({ pid: Number(pid), parent: Number(parent), args });
  }
  return rows;
}
