/**
 * What a call costs in a ledger that grows, from 1,000 ended calls to `--rows`, with 256 in flight; and with 1, 2 and 4 API and worker
 * processes. Each ledger is a database of its own and is filled once, so that all sizes take turns. The calls of a measurement come on top,
 * and are deleted after it.
 */
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { Sql } from "postgres";
import { addDatabase, openDatabase, serverVersion, withDatabase } from "../database.ts";
import { type Benchmark, type BenchmarkReport, type Params, figureOf } from "../report.ts";
import { type Row, takeTurns } from "../turns.ts";
import { fillLedger } from "./fill-ledger.ts";
import { startLoad } from "./load.ts";
import { serverCpuMs } from "./server-cpu.ts";

const inFlight = 256;

/** In this one the processes are compared. */
const ordinaryRows = 10_000;

/** On disk, with its events and indexes; while it is filled, the server's log comes on top. */
const bytesPerRow = 1_300;
const bytesOfLog = 2 ** 31;

const metrics = ["microsPerCall", "callsPerSecond", "p50Ms", "p99Ms", "databaseCpuMicrosPerCall", "walBytesPerCall"] as const;

type Metric = (typeof metrics)[number];

interface Setting {
  readonly rows: number;
  readonly processes: number;
}

/** See the file's head. */
export const scale: Benchmark = async ({ rounds, rows, seconds, log }) => {
  await using opened = new AsyncDisposableStack();
  const server = await openDatabase(opened);
  const sizes: number[] = [];
  for (let size = 1_000; size <= rows; size *= 10) sizes.push(size);
  await checkRoom(sizes.reduce((sum, size) => sum + size * bytesPerRow, bytesOfLog));
  const urls = new Map<number, string>();
  for (const size of sizes) {
    const begun = performance.now();
    const url = await addDatabase(opened, server, `rows_${size}`);
    await fillLedger(url, size);
    urls.set(size, url);
    log(`scale: filled a ledger of ${size} calls in ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  }
  const settings: Setting[] = sizes.map((size) => ({ rows: size, processes: 1 }));
  if (urls.has(ordinaryRows)) settings.push({ rows: ordinaryRows, processes: 2 }, { rows: ordinaryRows, processes: 4 });
  const all: Row<Metric>[][] = [];
  const measureAll = async (): Promise<Row<Metric>[]> => {
    const measured: Row<Metric>[] = [];
    for (const setting of settings) measured.push(await measureOne(urls.get(setting.rows)!, setting, seconds ?? 10));
    all.push(measured);
    return measured;
  };
  const report = await takeTurns<Metric>({
    benchmark: "scale",
    rounds,
    log,
    metrics,
    contestants: [{ peer: "raincheck", measure: measureAll }],
    postgres: await serverVersion(server),
  });
  return { ...report, ratios: ratios(settings, all) };
};

async function measureOne(url: string, { rows, processes }: Setting, seconds: number): Promise<Row<Metric>> {
  return await withDatabase(url, async (sql) => {
    await sql.unsafe("checkpoint");
    const [session] = await sql<{ pid: number; wal: string }[]>`select pg_backend_pid() as pid, pg_current_wal_lsn() as wal`;
    const measured = await (async () => {
      await using opened = new AsyncDisposableStack();
      const load = await startLoad(opened, { url, processes, inFlight });
      const before = await serverCpuMs(session!.pid);
      const figures = await load.measure({ warmUpMs: 2_000, ms: seconds * 1_000 });
      return { ...figures, cpuMs: (await serverCpuMs(session!.pid)) - before };
    })();
    const { cpuMs, calls, ...figures } = measured;
    const [written] = await sql<{ bytes: number }[]>`select pg_wal_lsn_diff(pg_current_wal_lsn(), ${session!.wal})::float8 as bytes`;
    await deleteMeasured(sql);
    return {
      params: { rows, processes, inFlight },
      figures: {
        ...figures,
        microsPerCall: 1e6 / figures.callsPerSecond,
        databaseCpuMicrosPerCall: (cpuMs * 1_000) / calls,
        walBytesPerCall: written!.bytes / calls,
      },
    };
  });
}

/** Deletes the calls of the measurement, which are those of its principal. */
async function deleteMeasured(sql: Sql): Promise<void> {
  await sql`
    with gone as (delete from raincheck.call where principal = 'bench' returning id)
    delete from raincheck.event where call_id = any(array(select id from gone))`;
  await sql.unsafe("vacuum (analyze) raincheck.call, raincheck.event");
}

/** Each size to the smallest, each number of processes to one. */
function ratios(settings: readonly Setting[], all: readonly (readonly Row<Metric>[])[]): BenchmarkReport["ratios"] {
  const smallest = settings.findIndex(({ processes }) => processes === 1);
  const single = settings.findIndex(({ rows, processes }) => rows === ordinaryRows && processes === 1);
  return settings.flatMap(({ processes }, index) => {
    const [to, what] = processes === 1 ? [smallest, `${settings[smallest]!.rows} rows`] : [single, "1 process"];
    if (index === to) return [];
    const params: Params = all[0]![index]!.params;
    return (["microsPerCall", "databaseCpuMicrosPerCall"] as const).map((metric) => ({
      metric,
      params,
      of: "raincheck",
      to: what,
      ...figureOf(all.map((rows) => rows[index]!.figures[metric] / rows[to]!.figures[metric])),
    }));
  });
}

async function checkRoom(bytes: number): Promise<void> {
  if (process.env["DATABASE_URL"] !== undefined) return;
  const { bavail, bsize } = await statfs(tmpdir());
  if (bavail * bsize > bytes) return;
  const gib = (value: number): string => (value / 2 ** 30).toFixed(1);
  throw new Error(`The ledgers of scale need about ${gib(bytes)} GiB, and ${tmpdir()} has ${gib(bavail * bsize)}: give fewer --rows.`);
}
