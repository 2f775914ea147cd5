/**
 * SQL statements, round trips and transactions that a call takes, one call at a time and with 256 in flight, its results delivered. They are
 * counted on the wire, by relays between the processes and Postgres, so nothing is left out: polls, leases and what keeps house count too,
 * and what goes on without any call is told beside it. A relay takes some time of its own, so that batches may be a little larger with it.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { startChild } from "../child.ts";
import { openDatabase, serverVersion } from "../database.ts";
import type { PeerName } from "../queues/peer.ts";
import { type At, prepare, startCaller, startPeerWorker } from "../queues/processes.ts";
import { ask } from "../questions.ts";
import type { Benchmark } from "../report.ts";
import { type Row, takeTurns } from "../turns.ts";
import type { Side, SideCounts } from "./relay.ts";

const peers: readonly PeerName[] = ["raincheck", "pg-boss", "graphile-worker", "dbos", "floor"];
const inFlights = [1, 256];
const idleMs = 5_000;

/** What a call has left to do when its result is there. */
const afterwardsMs = 250;

const metrics = [
  "statementsPerCall",
  "roundTripsPerCall",
  "transactionsPerCall",
  "parsesPerCall",
  "callerStatementsPerCall",
  "workerStatementsPerCall",
  "idleStatementsPerSecond",
] as const;

type Metric = (typeof metrics)[number];

/** See the file's head. */
export const statements: Benchmark = async ({ rounds, seconds, log }) => {
  await using opened = new AsyncDisposableStack();
  const url = await openDatabase(opened);
  const ats = peers.map((name): At => ({ name, url, inFlight: Math.max(...inFlights), work: "calls" }));
  for (const at of ats) await prepare(opened, at);
  return await takeTurns<Metric>({
    benchmark: "statements",
    rounds,
    log,
    metrics,
    contestants: ats.map((at) => ({ peer: at.name, measure: () => measure(at, (seconds ?? 5) * 1_000) })),
    postgres: await serverVersion(url),
  });
};

async function measure(at: At, ms: number): Promise<Row<Metric>[]> {
  await using opened = new AsyncDisposableStack();
  const relay = startChild(opened, new URL("relay.ts", import.meta.url), { env: { DATABASE_URL: at.url } });
  const [{ ports }] = (await once(relay, "message")) as [{ ports: Readonly<Record<Side, number>> }];
  const through = (side: Side): At => {
    const url = new URL(at.url);
    url.port = String(ports[side]);
    return { ...at, url: url.href };
  };
  // What runs through the relay must have ended before it.
  await using running = new AsyncDisposableStack();
  await startPeerWorker(running, through("worker"));
  const caller = await startCaller(running, through("caller"));
  const countsOf = () => ask<object, SideCounts>(relay, {});

  // Connections are made, statements prepared.
  await caller.measure({ what: "call", inFlight: at.inFlight, warmUpMs: 0, ms: 1_500 });
  await sleep(afterwardsMs);
  const idleBefore = await countsOf();
  await sleep(idleMs);
  const idle = difference(idleBefore, await countsOf());
  const idleStatementsPerSecond = ((idle.caller.statements + idle.worker.statements) * 1_000) / idleMs;

  const rows: Row<Metric>[] = [];
  for (const inFlight of inFlights) {
    const before = await countsOf();
    const { calls } = await caller.measure({ what: "call", inFlight, warmUpMs: 0, ms });
    await sleep(afterwardsMs);
    const { caller: ofCaller, worker: ofWorker } = difference(before, await countsOf());
    const both = (metric: keyof typeof ofCaller): number => (ofCaller[metric] + ofWorker[metric]) / calls;
    rows.push({
      params: { inFlight },
      figures: {
        statementsPerCall: both("statements"),
        roundTripsPerCall: both("roundTrips"),
        transactionsPerCall: both("transactions"),
        parsesPerCall: both("parses"),
        callerStatementsPerCall: ofCaller.statements / calls,
        workerStatementsPerCall: ofWorker.statements / calls,
        idleStatementsPerSecond,
      },
    });
  }
  return rows;
}

function difference(before: SideCounts, after: SideCounts): SideCounts {
  const of = (side: Side) => ({
    statements: after[side].statements - before[side].statements,
    roundTrips: after[side].roundTrips - before[side].roundTrips,
    transactions: after[side].transactions - before[side].transactions,
    parses: after[side].parses - before[side].parses,
  });
  return { caller: of("caller"), worker: of("worker") };
}
