import type { SqlExecutor } from "../../src/delivery/delivery.ts";
import { pgBoss } from "../../src/delivery/pg-boss.ts";
import { AsidePaths } from "../../src/postgres/aside/aside-paths.ts";
import { atStart, openControl } from "../../src/postgres/sessions/connections.ts";
import { makeGate } from "../../src/postgres/claiming/gate.ts";
import { whereIs } from "../../src/postgres/accepting/join.ts";
import type { Ledger } from "../../src/postgres/ledger.ts";
import { watchForOutages } from "../../src/postgres/sessions/outage.ts";
import type { Sessions } from "../../src/postgres/sessions/sessions.ts";
import { executorOf } from "../../src/postgres/sessions/transaction.ts";
import type { Wakes } from "../../src/postgres/waking/wake.ts";
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
  const outages = watchForOutages(async () => "working");
  const control = watch(openControl({ url, arrays: await atStart(url, async () => {}), isPooled: false, outages }));
  const database: SqlExecutor = { execute: (text, values) => control.use((sql) => executorOf(sql).execute(text, values)) };
  const delivery = await pgBoss().open({ url, schema, migrate: false, database });
  let runnable = Promise.withResolvers<void>();
  const wakes: Wakes = {
    changed: () => undefined,
    runnable: (_queue, delayMs) => {
      if (delayMs === 0) runnable.resolve();
    },
    runnableHere: () => undefined,
    aside: () => undefined,
    onCommit: () => null,
    close: async () => undefined,
  };
  const ledger: Ledger = {
    url,
    schema,
    control,
    application: control,
    delivery,
    wakes,
    gate: makeGate({ schema, control, delivery, wakes }),
    acceptedIn: new WeakMap(),
    whereIs: whereIs(schema, control),
    aside: new AsidePaths(),
    outages,
  };
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
