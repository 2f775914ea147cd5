/**
 * The program of the lease thread: while the event loop of its process is held, it extends the leases in its stead.
 *
 * It does nothing as long as the loop beats. It has no connection either: it makes one for each extension, four in the length of a
 * lease, only while the loop is held.
 */
import { atStart } from "../sessions/connections.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { workerData } from "node:worker_threads";
import { LeaseBoard, machineMs } from "./lease-board.ts";
import { extendRows } from "./lease.ts";

/** What the thread is started with. */
export interface LeaseThreadData {
  readonly url: string;
  readonly schema: string;
  readonly leaseMs: number;
  /** How long the loop may be held before the thread gives it up. */
  readonly limitMs: number;
  readonly memory: SharedArrayBuffer;
}

const { url, schema, leaseMs, limitMs, memory } = workerData as LeaseThreadData;
const board = new LeaseBoard(memory);

async function extendNoted(): Promise<void> {
  const sentMs = machineMs();
  const attempts = board.noted(sentMs);
  if (attempts.length === 0) return;
  await atStart(url, async (sql) => {
    const extended = extendRows({ schema, sql, attempts, leaseMs }).then(() => (board.extendedMs = sentMs));
    await Promise.race([extended, sleep(leaseMs)]);
  });
}

for (;;) {
  await sleep(leaseMs / 8);
  const silentMs = machineMs() - board.beatMs;
  // The loop beats four times in a lease; when it has missed one, half of the lease is left.
  if (silentMs < leaseMs / 2 || silentMs > limitMs || machineMs() - board.extendedMs < leaseMs / 4) continue;
  // One that fails or hangs is left to the next.
  await Promise.race([extendNoted().catch(() => undefined), sleep(leaseMs / 2)]);
}
