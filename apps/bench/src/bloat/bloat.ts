/**
 * What a transaction that stays open does to the calls that go on meanwhile: Postgres cannot clean up what has ended since. 64 calls are kept
 * in flight before, while a transaction with a snapshot is held open elsewhere (`--hold` seconds, 60 unless told), and after; throughput,
 * and the sizes of the ledger's and the delivery's tables and what is dead in them, in slices of time.
 */
import type { Sql } from "postgres";
import { addDatabase, openDatabase, serverVersion, withDatabase } from "../database.ts";
import { prepare } from "../queues/processes.ts";
import { type Benchmark, type BenchmarkReport, figureOf, machine } from "../report.ts";
import { type Load, startLoad } from "../scale/load.ts";
import { serverCpuMs } from "../scale/server-cpu.ts";
import type { Row } from "../turns.ts";

const inFlight = 64;

/** Autovacuum looks once a minute, so what it mends afterwards takes longer than that. */
const slices = { before: 2, after: 9 };

const sizeMetrics = ["ledgerBytesPerCall", "deliveryBytes", "deadLedgerRows", "deadDeliveryRows"] as const;
const metrics = ["callsPerSecond", "p99Ms", "databaseCpuMicrosPerCall", ...sizeMetrics] as const;

type Metric = (typeof metrics)[number];
type Phase = "before" | "open" | "after";

/** See the file's head. */
export const bloat: Benchmark = async ({ rounds, seconds, holdSeconds, log }) => {
  await using opened = new AsyncDisposableStack();
  const server = await openDatabase(opened);
  const sliceSeconds = seconds ?? 10;
  const all: Row<Metric>[][] = [];
  for (let round = 1; round <= rounds; round++) {
    await using inRound = new AsyncDisposableStack();
    const url = await addDatabase(inRound, server, `bloat_${round}`);
    await prepare(inRound, { name: "raincheck", url, inFlight, work: "calls" });
    const rows = await measureRound(url, { sliceSeconds, slices: { ...slices, open: Math.ceil(holdSeconds / sliceSeconds) } });
    all.push(rows);
    const [before, open, after] = (["before", "open", "after"] as const).map((phase) =>
      Math.round(rows.findLast(({ params }) => params["phase"] === phase)!.figures.callsPerSecond),
    );
    log(`bloat: round ${round} of ${rounds}: ${before} callsPerSecond before, ${open} after ${holdSeconds} s of it, ${after} afterwards`);
  }
  return {
    benchmark: "bloat",
    machine: machine(await serverVersion(server)),
    rounds,
    results: all[0]!.map(({ params }, index) => ({
      peer: "raincheck",
      params,
      metrics: Object.fromEntries(metrics.map((metric) => [metric, figureOf(all.map((rows) => rows[index]!.figures[metric]))])),
    })),
    ratios: ratios(all),
  };
};

interface Course {
  readonly sliceSeconds: number;
  readonly slices: Readonly<Record<Phase, number>>;
}

async function measureRound(url: string, { sliceSeconds, slices: counts }: Course): Promise<Row<Metric>[]> {
  await using opened = new AsyncDisposableStack();
  const load = await startLoad(opened, { url, processes: 1, inFlight });
  await load.measure({ warmUpMs: 3_000, ms: 0 });
  const rows: Row<Metric>[] = [];
  const measurePhase = async (phase: Phase): Promise<void> => {
    for (let slice = 0; slice < counts[phase]; slice++) {
      const figures = await measureSlice(url, load, sliceSeconds);
      rows.push({ params: { phase, second: (rows.length + 1) * sliceSeconds, inFlight }, figures });
    }
  };
  await measurePhase("before");
  await withDatabase(url, async (sql) => {
    await sql.unsafe("begin isolation level repeatable read; select count(*) from raincheck.call");
    await measurePhase("open");
    await sql.unsafe("rollback");
  });
  await measurePhase("after");
  return rows;
}

async function measureSlice(url: string, load: Load, sliceSeconds: number): Promise<Record<Metric, number>> {
  return await withDatabase(url, async (sql) => {
    const [session] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const before = await serverCpuMs(session!.pid);
    const { calls, callsPerSecond, p99Ms } = await load.measure({ warmUpMs: 0, ms: sliceSeconds * 1_000 });
    const databaseCpuMicrosPerCall = (((await serverCpuMs(session!.pid)) - before) * 1_000) / calls;
    return { callsPerSecond, p99Ms, databaseCpuMicrosPerCall, ...(await sizes(sql)) };
  });
}

async function sizes(sql: Sql): Promise<Record<(typeof sizeMetrics)[number], number>> {
  const tables = await sql<{ schema: string; bytes: number; dead: number }[]>`
    select schemaname as schema, sum(pg_total_relation_size(relid))::float8 as bytes, sum(n_dead_tup)::float8 as dead
    from pg_stat_user_tables where schemaname in ('raincheck', 'raincheck_pgboss') group by 1`;
  const [calls] = await sql<{ count: number }[]>`select count(*)::float8 as count from raincheck.call`;
  const [ledger, delivery] = ["raincheck", "raincheck_pgboss"].map((name) => tables.find(({ schema }) => schema === name)!);
  return {
    ledgerBytesPerCall: ledger!.bytes / calls!.count,
    deliveryBytes: delivery!.bytes,
    deadLedgerRows: ledger!.dead,
    deadDeliveryRows: delivery!.dead,
  };
}

/** The last slice with the open transaction, and the last afterwards, to the mean of those before. */
function ratios(all: readonly (readonly Row<Metric>[])[]): BenchmarkReport["ratios"] {
  return (["open", "after"] as const).map((phase) => ({
    metric: "callsPerSecond",
    params: { phase, inFlight },
    of: "raincheck",
    to: "before",
    ...figureOf(
      all.map((rows) => {
        const before = rows.filter(({ params }) => params["phase"] === "before");
        const mean = before.reduce((sum, { figures }) => sum + figures.callsPerSecond, 0) / before.length;
        return rows.findLast(({ params }) => params["phase"] === phase)!.figures.callsPerSecond / mean;
      }),
    ),
  }));
}
