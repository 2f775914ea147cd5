/** The last part of a run: what must work again, and what is left. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Ending } from "./check/liveness.ts";
import { play } from "./load/play.ts";
import { peaceful } from "./load/scenarios.ts";
import type { Stage } from "./load/stage.ts";
import type { System } from "./world/system.ts";

/** The last calls: few at once, so that what they take is not the machine's doing. */
const lanes = 6;
const callsOfLane = 15;
/** What an engine may hold: ten connections, one that listens, and one that starts. */
const connectionsOfEngine = 12;

const lookMs = 50;

/** Resolves when every call has ended, the replies and what is posted to webhooks among them, or when `late` aborts. */
export async function untilAllEnded({ sql }: System, late: AbortSignal): Promise<void> {
  while (!late.aborted) {
    const open = await sql`select from raincheck.call where state in ('queued', 'running') limit 1`;
    if (open.length === 0) return;
    await sleep(lookMs, undefined, { signal: late }).catch(() => undefined);
  }
}

/** Calls in peace, when every fault is over. */
export async function playTail({ note }: System, stage: Stage): Promise<void> {
  note({ kind: "phase", phase: "tail" });
  const lane = async (): Promise<void> => {
    for (let call = 0; call < callsOfLane; call += 1) await play(stage, peaceful);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** The connections that the system's engines hold, and how many they may. */
export async function countConnections({ sql, workers }: System): Promise<Ending["connections"]> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from pg_stat_activity where application_name <> 'chaos' and backend_type = 'client backend'`;
  return { open: row?.count ?? 0, most: (workers.length + 1) * connectionsOfEngine };
}
