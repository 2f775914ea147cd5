import type { SqlExecutor } from "../../src/delivery/delivery.ts";
import { pgBoss } from "../../src/delivery/pg-boss.ts";
import { makeGate } from "../../src/postgres/gate.ts";
import type { Ledger } from "../../src/postgres/ledger.ts";
import { type Sessions, learnArrayTypes, openSessions } from "../../src/postgres/sessions.ts";
import { executorOf } from "../../src/postgres/transaction.ts";
import type { Wakes } from "../../src/postgres/wake.ts";
import type { LedgerFixture } from "./ledger-fixture.ts";

/**
 * A ledger in a process that keeps nothing: what is not done at once is not done. Disposing closes its pool.
 *
 * @param watch what its sessions are seen through.
 */
export async function ledgerWithoutKeeper(fixture: LedgerFixture, watch: (sessions: Sessions) => Sessions = (sessions) => sessions) {
  const { url, schema } = fixture;
  const migrating = fixture.engine();
  await migrating.start();
  await migrating.stop();
  const control = watch(openSessions({ url, max: 4, connection: {}, arrays: await learnArrayTypes(url, async () => {}) }));
  const database: SqlExecutor = { execute: (text, values) => control.use((sql) => executorOf(sql).execute(text, values)) };
  const delivery = await pgBoss().open({ url, schema, migrate: false, database });
  let runnable = Promise.withResolvers<void>();
  const wakes: Wakes = {
    changed: () => undefined,
    runnable: (_queue, delayMs) => {
      if (delayMs === 0) runnable.resolve();
    },
    runnableOnCommit: async () => undefined,
    close: async () => undefined,
  };
  const ledger: Ledger = { schema, control, application: control, delivery, wakes, gate: makeGate({ schema, control, delivery, wakes }) };
  return {
    ledger,
    /** Resolves when a queue is said to have runnable calls now. */
    nextRunnable() {
      runnable = Promise.withResolvers();
      return runnable.promise;
    },
    [Symbol.asyncDispose]: () => control.end(500),
  };
}
