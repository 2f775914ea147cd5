import { type PostgresEngineOptions, postgresEngine } from "@raincheck/engine/postgres";
import postgres, { type Sql } from "postgres";
import { type FaultProxy, faultProxy } from "../../../../tooling/vitest/fault-proxy.ts";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";
import { type Application, application } from "./application.ts";
import { WorkerProcess } from "./run-worker-process.ts";
import type { WorkerProcessSettings } from "./worker-process.ts";

/** A ledger, an application that starts calls on it without a worker, and worker processes behind a proxy. Disposing ends all. */
export interface LivenessFixture extends AsyncDisposable {
  readonly url: string;
  readonly schema: string;
  /** In front of Postgres, for the worker processes. */
  readonly proxy: FaultProxy;
  /** Runs nothing by itself. */
  readonly app: Application;
  /** The test's own statements. */
  readonly sql: Sql;
  /** The test's own engine, past the proxy. */
  engine(options?: PostgresEngineOptions): ReturnType<typeof postgresEngine>;
  /** Starts a worker process behind the proxy. */
  worker(settings?: Partial<WorkerProcessSettings>): Promise<WorkerProcess>;
}

/**
 * Makes a {@link LivenessFixture}.
 *
 * @param options.isApart whether the fixture's own application reaches Postgres past the proxy, so that it goes on when the others
 *   cannot. Default `true`.
 */
export async function livenessFixture({ isApart = true } = {}): Promise<LivenessFixture> {
  await using opening = new AsyncDisposableStack();
  const { name: schema, url } = opening.use(await testSchema());
  const proxy = opening.use(await faultProxy(url));
  const sql = opening.adopt(postgres(url, { max: 2, onnotice: () => undefined }), (one) => one.end({ timeout: 1 }));
  const engine = (options: PostgresEngineOptions = {}) => opened.adopt(postgresEngine({ url, schema, ...options }), (one) => one.stop());
  const opened = opening.move();
  const own = engine(isApart ? {} : { url: proxy.url });
  await own.start();
  return {
    url,
    schema,
    proxy,
    sql,
    engine,
    app: application(own),
    worker: (settings = {}) => opened.use(new WorkerProcess({ url: proxy.url, schema, leaseMs: 4_000, ...settings })).started(),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** How a call went, by its events: `queued started succeeded`; a way back to the queue is told with its reason. */
export async function historyOf({ sql, schema }: LivenessFixture, id: string): Promise<string> {
  const events = await sql<{ type: string; body: string | null }[]>`
    select type, body from ${sql(schema)}.call_event where call_id = ${id} and type <> 'progress' order by seq`;
  return events.map(({ type, body }) => (type === "retrying" ? String(JSON.parse(body ?? "{}").reason) : type)).join(" ");
}
