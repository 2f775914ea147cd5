/**
 * Delivery by pg-boss: one job per waiting call, its id the call's id, its data empty.
 *
 * pg-boss's own worker loop, expiry, retries and notifications are not used; see `delivery.ts` for what takes their place.
 * Taking is `fetch`, acknowledging is `deleteJob` of exactly the attempts that were fetched (`{ id, retryCount }`), both in the
 * claiming transaction.
 */
import { type ConstructorOptions, PgBoss } from "pg-boss";
import type { Delivered, Delivery, DeliveryConnection, DeliveryFactory, SqlExecutor } from "./delivery.ts";
import { makeStatistics } from "./statistics.ts";

/** See {@link pgBoss}. */
export interface PgBossOptions {
  /** The kind of database, as pg-boss names it: `"postgres"` (default), or one of its distributed backends. */
  readonly backend?: "postgres" | "cockroachdb" | "yugabytedb" | "citus" | "pglite";
}

/** 68 years, as long as its column holds: pg-boss must never delete what waits, for calls expire by the ledger's clock alone. */
const keptSeconds = 2_147_483_647;

/** Delivery by pg-boss (>= 12.35 < 13), in the schema `<schema>_pgboss`. */
export function pgBoss(options: PgBossOptions = {}): DeliveryFactory {
  return { name: "pg-boss", open: (connection) => openPgBoss(connection, options) };
}

async function openPgBoss(connection: DeliveryConnection, options: PgBossOptions): Promise<Delivery> {
  const common = {
    schema: `${connection.schema}_pgboss`,
    backend: options.backend ?? "postgres",
    supervise: false,
    schedule: false,
  } as const;
  const boss = quiet(new PgBoss({ ...common, migrate: false, db: adapt(connection.database) }));
  try {
    await boss.start();
  } catch (error) {
    if (!connection.migrate) throw error;
    // Not installed, or of an older release. pg-boss migrates with statements that need a pool of its own.
    await withOwnPool(async () => undefined);
    await boss.start();
  }

  async function withOwnPool(work: (own: PgBoss) => Promise<unknown>): Promise<void> {
    const own = quiet(new PgBoss({ ...common, ...poolLimits, migrate: connection.migrate, connectionString: connection.url }));
    try {
      await own.start();
      await work(own);
    } catch (error) {
      throw withCode(error);
    } finally {
      // Whether it closes well says nothing of the work, and one that hangs must not hold it up.
      void own.stop({ graceful: false, close: true }).catch(() => undefined);
    }
  }

  const prepared = new Set((await boss.getQueues()).map((queue) => queue.name));

  async function prepare(queues: readonly string[]): Promise<void> {
    const missing = queues.filter((queue) => !prepared.has(jobQueue(queue)));
    if (missing.length === 0) return;
    await withOwnPool(async (own) => {
      for (const queue of missing) await own.createQueue(jobQueue(queue), { retentionSeconds: keptSeconds, policy: "standard" });
    });
    for (const queue of missing) {
      // pg-boss reads about a queue when it first meets it: here, and not in a transaction that holds a session already.
      await boss.findJobs(jobQueue(queue), { key: "none" });
      prepared.add(jobQueue(queue));
    }
  }

  const statistics = makeStatistics(() => connection.database.execute(`analyze ${common.schema}.job_common`));

  return {
    prepare,
    async send(transaction, deliveries) {
      const db = adapt(transaction);
      statistics.sending(deliveries.length);
      for (const [queue, group] of Map.groupBy(deliveries, (delivery) => delivery.queue)) {
        await boss.insert(jobQueue(queue), group.map(toJob), { db });
      }
    },
    async take(transaction, queue, limit) {
      const db = adapt(transaction);
      const jobs = await boss.fetch(jobQueue(queue), { batchSize: limit, db });
      statistics.taken(jobs.length);
      const attempts = jobs.map(({ id, retryCount }) => ({ id, retryCount }));
      return {
        ids: jobs.map(({ id }) => id),
        async acknowledge() {
          await boss.deleteJob(jobQueue(queue), attempts, { db });
        },
      };
    },
    close: () => boss.stop({ graceful: false, close: false }),
  };
}

/** pg's own options beside pg-boss's, which hands them through: a pool without them waits for ever for a server that went silent. */
const poolLimits = { max: 1, connectionTimeoutMillis: 5_000, query_timeout: 15_000, keepAlive: true };

/** pg gives errors that the server sent a code, and a connection that was lost only a sentence. */
function withCode(error: unknown): unknown {
  if (!(error instanceof Error) || "code" in error) return error;
  return Object.assign(new Error(error.message, { cause: error }), { code: "CONNECTION_CLOSED" });
}

/** Prefixed, because pg-boss keeps its queues in an ordinary object, where a queue named `constructor` finds the wrong thing. */
function jobQueue(queue: string): string {
  return `queue.${queue}`;
}

function toJob({ id, priority, delayMs }: Delivered) {
  return { id, priority, ...(delayMs > 0 ? { startAfter: `${delayMs} milliseconds` } : {}) };
}

function adapt(database: SqlExecutor): NonNullable<ConstructorOptions["db"]> {
  return { executeSql: (text, values) => database.execute(text, values) };
}

/** An emitter without an `error` listener ends the process; each of these errors also rejects the verb that met it. */
function quiet(boss: PgBoss): PgBoss {
  boss.on("error", () => undefined);
  return boss;
}
