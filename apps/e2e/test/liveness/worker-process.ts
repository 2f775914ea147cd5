/** A worker in a process of its own: `fork`ed with {@link WorkerProcessSettings} in its environment, telling what happens over IPC. */
import { Socket } from "node:net";
import { postgresEngine } from "@raincheck/engine/postgres";
import { type WorkerLogEntry, runWorker } from "@raincheck/worker";
import { application } from "./application.ts";

/** How the process is set up, as JSON in `SETTINGS`. */
export interface WorkerProcessSettings {
  readonly url: string;
  readonly schema: string;
  readonly queues?: readonly string[];
  readonly leaseMs: number;
  readonly graceMs?: number;
  readonly heartbeatMs?: number;
  readonly concurrency?: number;
  /** The process stops itself (SIGSTOP) when it is about to send this, once a resolver has said that it is ending. */
  readonly freezeBefore?: string;
}

/** What the process tells. */
export type WorkerProcessMessage = { readonly log: WorkerLogEntry } | { readonly resolver: string };

const settings = JSON.parse(process.env["SETTINGS"] ?? "") as WorkerProcessSettings;
const tell = (message: WorkerProcessMessage) => void process.send?.(message);

function freezeBefore(words: string): void {
  const write = Socket.prototype.write;
  Socket.prototype.write = function (this: Socket, ...given: unknown[]) {
    if (given[0] instanceof Uint8Array && Buffer.from(given[0]).includes(words)) process.kill(process.pid, "SIGSTOP");
    return Reflect.apply(write, this, given) as boolean;
  };
}

const engine = postgresEngine({ url: settings.url, schema: settings.schema });
const { raincheck } = application(engine, (what) => {
  tell({ resolver: what });
  if (what === "ending" && settings.freezeBefore !== undefined) freezeBefore(settings.freezeBefore);
});
await runWorker({
  raincheck,
  lease: `${settings.leaseMs} millis`,
  shutdownGrace: `${settings.graceMs ?? 30_000} millis`,
  ...(settings.heartbeatMs !== undefined && { heartbeat: `${settings.heartbeatMs} millis` as const }),
  ...(settings.queues !== undefined && { queues: settings.queues }),
  ...(settings.concurrency !== undefined && { concurrency: settings.concurrency }),
  // Errors do not all pass through IPC.
  log: (entry) => tell({ log: { ...entry, error: undefined } }),
});
