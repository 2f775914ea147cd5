import type { DeliveryFactory, SqlExecutor } from "../delivery/delivery.ts";
import type { SettleResult } from "../attempt.ts";
import type { CallRecord, EventPage } from "../call-record.ts";
import { YieldsMissing } from "../engine-errors.ts";
import type { NewCall } from "../new-call.ts";
import { type GroupCommit, groupCommit } from "../group-commit.ts";
import { acceptLanes } from "./accepting/accept-lanes.ts";
import type { AcceptResult } from "./accepting/accept.ts";
import { AsidePaths, type PathAside } from "./aside/aside-paths.ts";
import { atStart, openApplication, openControl, probe } from "./sessions/connections.ts";
import { type EventsRequest, readEvents } from "./reading/events.ts";
import { type ReadRequest, readCalls } from "./reading/read.ts";
import { makeGate } from "./claiming/gate.ts";
import { whereIs } from "./accepting/join.ts";
import { startKeeper } from "./keeping/keep.ts";
import type { Ledger } from "./ledger.ts";
import { maxBatchBytes, maxBatchCalls } from "./batch-limits.ts";
import { migrateLedger } from "./migrations/migrate.ts";
import { watchForOutages } from "./sessions/outage.ts";
import { reach } from "./sessions/reach.ts";
import { type Appending, appendBatch } from "./settling/append.ts";
import { type Report, reportBatch } from "./settling/report.ts";
import { startServerWatch } from "./keeping/server-watch.ts";
import { type Settling, settleBatch } from "./settling/settle.ts";
import { executorOf } from "./sessions/transaction.ts";
import { isRefused } from "./sessions/unavailable.ts";
import { type Followers, openWakes } from "./waking/wake.ts";

/** The checked options of a Postgres engine. */
export interface OpenLedgerOptions {
  /** `undefined`: the embedded Postgres. */
  readonly url: string | undefined;
  readonly schema: string;
  readonly delivery: DeliveryFactory;
  readonly max: number;
  readonly migrate: boolean;
  readonly listen: boolean;
  readonly pollMs: number;
  readonly onError: (error: unknown) => void;
  readonly followers: Followers;
}

/** An open ledger with the verbs that many callers share one round trip for. */
export interface OpenLedger {
  readonly ledger: Ledger;
  readonly accept: (call: NewCall) => Promise<AcceptResult>;
  readonly settle: GroupCommit<Settling, SettleResult>;
  readonly report: GroupCommit<Report, SettleResult>;
  readonly append: GroupCommit<Appending, SettleResult>;
  readonly events: GroupCommit<EventsRequest, EventPage | null>;
  readonly read: GroupCommit<ReadRequest, CallRecord | null>;
  /** Closes, in the reverse order of opening, all that was opened. */
  close(): Promise<void>;
}

/** Farewells wait this long for statements that are under way, in milliseconds. */
const farewellMs = 500;

/** Opens everything a Postgres engine needs; what was opened before a failure is closed again. */
export async function openLedger(options: OpenLedgerOptions): Promise<OpenLedger> {
  const { schema, delivery, migrate, listen, pollMs, followers } = options;
  let isClosing = false;
  const onError = (error: unknown): void => {
    if (!isClosing) options.onError(error);
  };
  await using opening = new AsyncDisposableStack();
  // Loaded only where it is used: its package is optional.
  const url = options.url ?? opening.use(await (await import("../embedded/index.ts")).openEmbeddedPostgres()).url;
  const arrays = await reach(url, () => atStart(url, (sql) => migrateLedger(sql, { schema, migrate })));
  const connections = { url, arrays, isPooled: !listen };
  const outages = opening.adopt(
    watchForOutages((pid) => probe(connections, pid)),
    (watch) => watch.close(),
  );
  const control = opening.adopt(openControl({ ...connections, outages }), (sessions) => sessions.end(farewellMs));
  const application = opening.adopt(openApplication({ ...connections, outages }, options.max), (sessions) => sessions.end(farewellMs));
  const database: SqlExecutor = { execute: (text, values) => control.use((sql) => executorOf(sql).execute(text, values)) };
  const opened = opening.adopt(await reach(url, () => delivery.open({ url, schema, migrate, database })), (one) => one.close());
  const aside = new AsidePaths();
  const onAside = (pair: PathAside): void => aside.note(pair);
  const wakes = opening.adopt(openWakes({ url, control, schema, followers, onAside, listen, pollMs, onError }), (one) => one.close());
  const gate = makeGate({ schema, control, delivery: opened, wakes });
  const ledger: Ledger = {
    url,
    schema,
    control,
    application,
    delivery: opened,
    wakes,
    gate,
    acceptedIn: new WeakMap(),
    whereIs: whereIs(schema, control),
    aside,
    outages,
  };
  const keeper = opening.adopt(startKeeper(ledger, onError), (one) => one.stop());
  const watch = opening.adopt(startServerWatch({ control, onWarning: onError }), (one) => one.close());

  const closing = opening.move();
  return {
    ledger,
    accept: acceptLanes(ledger),
    settle: groupCommit({
      write: (settlings) => settleBatch(ledger, settlings),
      maxItems: maxBatchCalls,
      maxBatchBytes,
      bytesOf: ({ settlement }) => (settlement.type === "succeeded" ? settlement.output.length : 0),
      isItemsFault: isRefused,
    }),
    report: groupCommit({
      write: (reports) => reportBatch(ledger, reports),
      maxItems: 500,
      maxBatchBytes,
      bytesOf: ({ progress }) => progress.length,
      isItemsFault: isRefused,
    }),
    // Few, for each of them may bring hundreds of values.
    append: groupCommit({
      write: (appendings) => appendBatch(ledger, appendings),
      maxItems: 50,
      maxBatchBytes,
      bytesOf: ({ yields }) => yields.values.reduce((sum, { length }) => sum + length, 0),
      isItemsFault: (error) => isRefused(error) || error instanceof YieldsMissing,
    }),
    events: groupCommit({ write: (requests) => readEvents(ledger, requests), maxItems: 1_000, isItemsFault: isRefused }),
    read: groupCommit({ write: (requests) => readCalls(ledger, requests), maxItems: 1_000, isItemsFault: isRefused }),
    async close() {
      isClosing = true;
      // Together: what the keeper and the poll have under way has no longer than everybody else, whether Postgres answers or not.
      await Promise.all([keeper.stop(), watch.close(), wakes.close(), control.end(farewellMs), application.end(farewellMs)]);
      await closing.disposeAsync();
    },
  };
}
