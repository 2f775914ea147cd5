/** The Postgres engine: ledger in our own tables, delivery by pg-boss, wakes by LISTEN/NOTIFY with a poll behind them. */
import { InvalidOption, isCallId, refuseUnknownOptions, wholeNumber } from "@raincheck/protocol";
import type { TransactionSql } from "postgres";
import type { DeliveryFactory } from "../delivery/delivery.ts";
import { pgBoss } from "../delivery/pg-boss.ts";
import { EngineSetupError } from "../engine-errors.ts";
import type { Engine } from "../engine.ts";
import { acceptWith, isParked } from "./accepting/accept.ts";
import { inApplication } from "./settling/application.ts";
import { vouch } from "./aside/vouch.ts";
import type { CallerTransaction } from "./accepting/caller-transaction.ts";
import { cancel } from "./cancelling/cancel.ts";
import { claim } from "./claiming/claim.ts";
import { commit } from "./settling/commit.ts";
import { minConnections } from "./sessions/connections.ts";
import { startHeartbeat } from "./leasing/heartbeat.ts";
import { extend } from "./leasing/lease.ts";
import { openLedger } from "./open-ledger.ts";
import { checkUrl } from "./sessions/reach.ts";
import { list } from "./reading/read.ts";
import { repeat } from "./accepting/repeat.ts";
import { startOnce } from "./start-once.ts";
import { Subscribers } from "./waking/subscribers.ts";
import { whileAvailable } from "./sessions/unavailable.ts";

/** See {@link postgresEngine}. */
export interface PostgresEngineOptions {
  /**
   * `postgres://user:password@host:port/database`. Absent: an embedded Postgres under `.raincheck/` of the current directory,
   * shared by every process started there; refused when `NODE_ENV` is `production`.
   */
  readonly url?: string | undefined;
  /** The schema of the ledger: 1 to 40 lower-case letters, digits or `_`, not beginning with a digit. Default `"raincheck"`. */
  readonly schema?: string;
  /** What delivers the ids of runnable calls. Default `pgBoss()`. */
  readonly delivery?: DeliveryFactory;
  /**
   * Connections of this process at most; from 6. Five serve the engine, the rest `ctx.call.commit()`. Default 10. Beside them there is
   * one now and then while Postgres does not answer, or a resolver holds the event loop.
   */
  readonly max?: number;
  /** `false`: create and change no tables, and refuse to start on a ledger that is not up to date. Default `true`. */
  readonly migrate?: boolean;
  /**
   * `false`: no LISTEN and no NOTIFY, and nothing is set for a whole session, for a pooler in transaction mode; results then come by
   * the poll. Default `true`.
   */
  readonly listen?: boolean;
  /** Between two polls for what no wake told, in milliseconds; from 50. Default 1000. */
  readonly pollMs?: number;
  /**
   * Told of trouble in the background: of the listener, the keeper and the poll, which mends itself, and by a `ServerWarning` of what
   * the server's operator must mend. Default: ignored.
   */
  readonly onError?: (error: unknown) => void;
}

const knownOptions: readonly string[] = [
  "url",
  "schema",
  "delivery",
  "max",
  "migrate",
  "listen",
  "pollMs",
  "onError",
] satisfies (keyof PostgresEngineOptions)[];

const schemaPattern = /^[a-z_][a-z0-9_]{0,39}$/;

/**
 * Keeps calls in Postgres (14 or later).
 *
 * No session keeps others waiting for ever. The engine's own statements wait five seconds for a lock and may leave a transaction idle for
 * two. In the application's transactions (`ctx.call.commit()`, `engine.transaction()`) a statement may take five minutes, wait 40
 * seconds for a lock, and be followed by 30 seconds in which nothing happens; `set local` raises that for one transaction. They are
 * `read committed`, whatever the role or the database has by default; `set transaction isolation level` as the first statement changes it.
 *
 * When Postgres is away, verbs are told so within seven seconds if it fell silent, within one if it was stopped, and at once as soon
 * as that is known.
 *
 * @throws {InvalidOption} for a malformed or unknown option; `EngineSetupError` without a `url` in production. What can only be found out by
 *   connecting rejects the first verb.
 */
export function postgresEngine(options: PostgresEngineOptions = {}): Engine<TransactionSql, CallerTransaction> {
  const { schema = "raincheck", delivery = pgBoss(), migrate = true, listen = true, onError = () => undefined } = options;
  refuseUnknownOptions(options, knownOptions);
  if (!schemaPattern.test(schema))
    throw new InvalidOption("schema", schema, "1 to 40 lower-case letters, digits or '_', not beginning with a digit");
  const max = wholeNumber(options.max ?? 10, "max", { min: minConnections, max: 1_000 });
  const pollMs = wholeNumber(options.pollMs ?? 1_000, "pollMs", { min: 50, max: 3_600_000 });
  if (options.url === undefined && process.env["NODE_ENV"] === "production") {
    throw new EngineSetupError(
      "postgresEngine needs a url in production (NODE_ENV=production): set DATABASE_URL and pass it, for the embedded Postgres is not made for it.",
    );
  }
  if (options.url !== undefined) checkUrl(options.url);

  const followers = { calls: new Subscribers(), queues: new Subscribers() };
  const opened = startOnce(() => openLedger({ url: options.url, schema, delivery, max, migrate, listen, pollMs, onError, followers }));

  return {
    name: "postgres",
    async start() {
      await opened.get();
    },
    stop() {
      const stopping = opened.stop();
      // Whoever waits for a wake looks once more, and is told that nothing comes any more.
      followers.calls.wakeAll();
      followers.queues.wakeAll();
      return stopping;
    },
    async accept(call, { transaction } = {}) {
      const { ledger, accept } = await opened.get();
      const result = await (transaction === undefined ? accept(call) : acceptWith(ledger, transaction, call));
      if (result instanceof Error) throw result;
      if (result.created && transaction === undefined && isParked(call)) await ledger.gate.open([call.path]);
      return result;
    },
    claim: async (request) => claim((await opened.get()).ledger, request),
    vouch: async (request) => {
      const { ledger } = await opened.get();
      await whileAvailable("vouch", () => vouch(ledger, request));
    },
    extend: async (attempts, leaseMs) => extend((await opened.get()).ledger, attempts, leaseMs),
    heartbeat: (given) => startHeartbeat({ ...given, schema, onError, url: async () => (await opened.get()).ledger.url }),
    report: async (attempt, progress) => (await opened.get()).report({ attempt, progress }),
    append: async (attempt, yields) => (await opened.get()).append({ attempt, yields }),
    settle: async (attempt, settlement) => (await opened.get()).settle({ attempt, settlement }),
    commit: async (attempt, work) => commit((await opened.get()).ledger, attempt, work),
    transaction: async (work) => inApplication((await opened.get()).ledger, work),
    // What is no id at all is an unknown one; Postgres would call it a malformed uuid.
    cancel: async (id, reader, reason) => (isCallId(id) ? cancel((await opened.get()).ledger, { id, reader }, reason) : null),
    repeat: async (id, reader, given) => (isCallId(id) ? repeat((await opened.get()).ledger, { id, reader }, given) : null),
    read: async (id, reader) => (isCallId(id) ? (await opened.get()).read({ id, reader }) : null),
    list: async (reader, query) => list((await opened.get()).ledger, reader, query),
    events: async (id, after, reader) => (isCallId(id) ? (await opened.get()).events({ id, after, reader }) : null),
    subscribe(id, wake) {
      // Following alone must bring the wakes to life too; a start that fails is told by the verb that reads.
      opened.get().catch(() => undefined);
      return followers.calls.add(id, wake);
    },
    onRunnable(queues, wake) {
      opened.get().catch(() => undefined);
      const removals = queues.map((queue) => followers.queues.add(queue, wake));
      return () => removals.forEach((remove) => remove());
    },
  };
}
