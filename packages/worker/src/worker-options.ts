import { hostname } from "node:os";
import { type Duration, InvalidOption, queueName, refuseUnknownOptions, toMs, wholeNumber } from "@raincheck/protocol";
import type { RaincheckRuntime } from "@raincheck/server";
import { type OnWorkerError, type WorkerLog, logToConsole } from "./worker-log.ts";

/** What `runWorker` and `workerLayer` are told. Only `raincheck` is needed. */
export interface WorkerOptions {
  /** What `initRaincheck….create()` returned, with a router bound by `raincheck.bind()`. */
  readonly raincheck: { readonly "~raincheck": RaincheckRuntime };
  /** How many attempts run at once in this worker; from 1 to 10,000. Default 16. */
  readonly concurrency?: number;
  /** The queues that it takes calls from, after those of `raincheck.replies()` and of webhooks, if there are any; then it may be none. Webhooks get half of its slots at most. Default `["default"]`. */
  readonly queues?: readonly string[];
  /** How long `stop()` lets running attempts finish before it hands them back. Default `"30 seconds"`; `"0 millis"`: at once. */
  readonly shutdownGrace?: Duration;
  /**
   * How long the worker may stay silent before its attempts count as lost and run elsewhere. It is renewed at each quarter.
   * From 100 milliseconds to one hour. Default `"4 seconds"`.
   */
  readonly lease?: Duration;
  /**
   * How long calls of a procedure that no worker has wait for one that has it, in a deploy; then they fail as `UNKNOWN_PROCEDURE`. They
   * spend no attempt and hold up nothing meanwhile. Default `"10 minutes"`.
   */
  readonly unknownProcedureLimit?: Duration;
  /**
   * How long a resolver may hold the event loop before the attempts of this process count as lost. Until then a thread extends their
   * leases, none for longer than its attempt's `timeout`. Default `"1 minute"`; `"0 millis"`: no thread, which
   * saves 27 MB of memory; only the lease counts. The memory engine has none.
   */
  readonly heartbeat?: Duration;
  /**
   * Whether SIGTERM and SIGINT stop the worker, a second one at once. Default `true`. When it has stopped, and nobody else listens
   * to that signal, the engine is stopped too and the signal is raised again, so that the process ends as it would have without
   * a worker.
   */
  readonly signals?: boolean;
  /** Names the worker in the ledger and in logs; at most 200 characters. Default: host, process id and four random letters. */
  readonly name?: string;
  /** Takes every log entry. Default: warnings and errors go to the console. What it throws is ignored. */
  readonly log?: WorkerLog;
  /** Takes each error that the caller of a procedure does not see, and each fault of the worker, for an error tracker. Default none. */
  readonly onError?: OnWorkerError;
}

/** {@link WorkerOptions} with the defaults filled in and the durations in milliseconds. */
export interface WorkerSettings {
  readonly runtime: RaincheckRuntime;
  readonly concurrency: number;
  readonly queues: readonly string[];
  /** Those of {@link WorkerSettings.queues} whose attempts post messages to webhooks. */
  readonly webhookQueues: readonly string[];
  readonly shutdownGraceMs: number;
  readonly leaseMs: number;
  readonly unknownProcedureMs: number;
  /** 0: no thread. */
  readonly heartbeatMs: number;
  readonly signals: boolean;
  readonly name: string;
  readonly log: WorkerLog;
  readonly onError: OnWorkerError | null;
}

/** The defaults of {@link WorkerOptions}. */
export const workerDefaults = {
  concurrency: 16,
  queues: ["default"],
  shutdownGrace: "30 seconds",
  lease: "4 seconds",
  unknownProcedureLimit: "10 minutes",
  heartbeat: "1 minute",
  signals: true,
} as const satisfies Omit<WorkerOptions, "raincheck">;

const knownOptions: readonly string[] = [
  "raincheck",
  "concurrency",
  "queues",
  "shutdownGrace",
  "lease",
  "unknownProcedureLimit",
  "heartbeat",
  "signals",
  "name",
  "log",
  "onError",
] satisfies (keyof WorkerOptions)[];

/**
 * Fills in the defaults.
 *
 * @throws {InvalidOption} for anything that is not as {@link WorkerOptions} says, an unknown option included. An `Error` when no router
 *   is bound.
 */
export function resolveWorkerOptions(options: WorkerOptions): WorkerSettings {
  if (typeof options !== "object" || options === null) throw new InvalidOption("options", options, "an object of options");
  refuseUnknownOptions(options, knownOptions);
  const { raincheck, signals = workerDefaults.signals, log = logToConsole, onError } = options;
  const runtime = raincheck?.["~raincheck"];
  if (typeof runtime?.invoke !== "function") throw new InvalidOption("raincheck", raincheck, "what initRaincheck….create() returned");
  runtime.checkBound();
  if (typeof signals !== "boolean") throw new InvalidOption("signals", signals, "true or false");
  if (typeof log !== "function") throw new InvalidOption("log", log, "a function of a log entry");
  if (onError !== undefined && typeof onError !== "function") throw new InvalidOption("onError", onError, "a function of an error");
  return {
    runtime,
    concurrency: wholeNumber(options.concurrency ?? workerDefaults.concurrency, "concurrency", { min: 1, max: 10_000 }),
    // First, so that what was begun is brought to its end before something new is begun.
    queues: [...runtime.replyQueues(), ...runtime.webhookQueues(), ...resolveQueues(options.queues ?? workerDefaults.queues, runtime)],
    webhookQueues: runtime.webhookQueues(),
    shutdownGraceMs: toMs(options.shutdownGrace ?? workerDefaults.shutdownGrace, "shutdownGrace"),
    heartbeatMs: toMs(options.heartbeat ?? workerDefaults.heartbeat, "heartbeat"),
    leaseMs: resolveLease(options.lease ?? workerDefaults.lease),
    unknownProcedureMs: toMs(options.unknownProcedureLimit ?? workerDefaults.unknownProcedureLimit, "unknownProcedureLimit"),
    signals,
    name: resolveName(options.name),
    log,
    onError: onError ?? null,
  };
}

function resolveQueues(
  queues: readonly string[],
  { replyQueues, webhookQueues }: Pick<RaincheckRuntime, "replyQueues" | "webhookQueues">,
): readonly string[] {
  if (!Array.isArray(queues) || (queues.length === 0 && replyQueues().length + webhookQueues().length === 0))
    throw new InvalidOption("queues", queues, "a list of at least one queue's name");
  return [...new Set(queues.map((queue: string, index) => queueName(queue, `queues[${index}]`)))];
}

function resolveLease(lease: Duration): number {
  const leaseMs = toMs(lease, "lease");
  if (leaseMs < 100 || leaseMs > 3_600_000) throw new InvalidOption("lease", lease, "from 100 milliseconds to one hour");
  return leaseMs;
}

function resolveName(name: string | undefined): string {
  // Random letters, because a container is often host "app", process 1, in every replica.
  if (name === undefined) return `${hostname().slice(0, 100)}:${process.pid}:${crypto.randomUUID().slice(0, 4)}`;
  if (typeof name !== "string" || name.length < 1 || name.length > 200) throw new InvalidOption("name", name, "1 to 200 characters");
  return name;
}
