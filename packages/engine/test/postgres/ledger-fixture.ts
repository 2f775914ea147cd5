import postgres, { type Sql, type TransactionSql } from "postgres";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";
import type { Engine } from "../../src/engine.ts";
import { type CallerTransaction, type PostgresEngineOptions, postgresEngine } from "../../src/postgres/index.ts";

/** A schema of its own, a connection to look into it, and engines on it. Disposing stops the engines and drops the schema. */
export interface LedgerFixture extends AsyncDisposable {
  readonly url: string;
  readonly schema: string;
  /** For the test's own statements; not an engine's. */
  readonly sql: Sql;
  /** Makes an engine on the schema; it is stopped at the end. */
  engine(options?: PostgresEngineOptions): Engine<TransactionSql, CallerTransaction>;
}

export async function ledgerFixture(): Promise<LedgerFixture> {
  await using opening = new AsyncDisposableStack();
  const { name, url } = opening.use(await testSchema());
  const sql = opening.adopt(postgres(url, { max: 3, onnotice: () => undefined }), (one) => one.end({ timeout: 1 }));
  const opened = opening.move();
  return {
    url,
    schema: name,
    sql,
    engine: (options = {}) => opened.adopt(postgresEngine({ url, schema: name, pollMs: 200, ...options }), (engine) => engine.stop()),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** A claim of one call that lasts. */
export const claimOne = { worker: "test", queues: ["default"], limit: 1, leaseMs: 600_000 };

/** Resolves at the next wake of a subscription, and then unsubscribes. */
export function nextWake(subscribe: (wake: () => void) => () => void): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = subscribe(() => {
      queueMicrotask(() => unsubscribe());
      resolve();
    });
  });
}

/** Calls back at each wake of a call, and once at first, until disposed. */
export function onWake(engine: Engine<TransactionSql>, id: string, look: () => Promise<void>): Disposable {
  void look();
  const unsubscribe = engine.subscribe(id, () => void look());
  return { [Symbol.dispose]: unsubscribe };
}
