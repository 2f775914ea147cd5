import { readFile, readdir } from "node:fs/promises";

/** One tick of `/proc`, in milliseconds: the same on every Linux. */
const tickMs = 10;

/** What `/proc` says of a process. */
interface ProcessCpu {
  readonly pid: number;
  readonly parent: number;
  readonly ownMs: number;
  /** Of its children that have ended. */
  readonly endedMs: number;
}

/**
 * How long the processes of a server on this machine have used a CPU, in milliseconds. NaN where nobody tells: elsewhere than on Linux, or
 * on another machine.
 *
 * @param backend the pid of one of the server's sessions.
 */
export async function serverCpuMs(backend: number): Promise<number> {
  const postmaster = (await readProcess(backend))?.parent;
  if (postmaster === undefined) return Number.NaN;
  const pids = (await readdir("/proc")).map(Number).filter((pid) => Number.isInteger(pid));
  const all = await Promise.all(pids.map(readProcess));
  return all.reduce((sum, one) => {
    if (one?.pid === postmaster) return sum + one.ownMs + one.endedMs;
    return one?.parent === postmaster ? sum + one.ownMs : sum;
  }, 0);
}

async function readProcess(pid: number): Promise<ProcessCpu | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  // The second field is a name in brackets, which may hold anything.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields === undefined) return undefined;
  const ms = (first: number): number => (Number(fields[first]) + Number(fields[first + 1])) * tickMs;
  return { pid, parent: Number(fields[1]), ownMs: ms(11), endedMs: ms(13) };
}
