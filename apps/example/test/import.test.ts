/** The procedures of the example, served and worked in this process, asked as a client asks. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { type TestSchema, testSchema } from "../../../tooling/vitest/test-schema.ts";
import { type ApiClient, connect } from "../src/connect.ts";
import { datasetFile } from "../src/flights/datasets.ts";
import { ImportProgress } from "../src/flights/import-progress.ts";

const opened = new AsyncDisposableStack();
let schema: TestSchema;
let url: string;
let terminal: ApiClient;
let billing: ApiClient;

beforeAll(async () => {
  schema = opened.use(await testSchema());
  vi.stubEnv("DATABASE_URL", inject("postgresUrl"));
  vi.stubEnv("RAINCHECK_SCHEMA", schema.name);
  vi.stubEnv("EXAMPLE_SCHEMA", `${schema.name}_example`);
  // Only now: they read the environment when they are loaded.
  const { createTables, engine } = await import("../src/database.ts");
  const { openWorker } = await import("../src/open-worker.ts");
  const { serveApi } = await import("../src/serve-api.ts");
  const { issueTokens } = await import("../src/users.ts");
  opened.defer(() => engine.stop());
  // Two processes at once are the ordinary case.
  await Promise.all([createTables(), createTables()]);
  opened.use(await openWorker());
  ({ url } = opened.use(await serveApi({ port: 0 })));
  const tokens = await issueTokens();
  terminal = connect({ url, token: tokens.terminal });
  billing = connect({ url, token: tokens.billing });
});

afterAll(() => opened.disposeAsync());

test("imports 20,000 flights, and tells its progress on the way", async () => {
  const handle = await terminal.defer.flights.import({ dataset: "flights-20k", paceMs: 5 });
  const progress: ImportProgress[] = [];
  for await (const event of handle.events()) if (event.type === "progress") progress.push(ImportProgress.parse(event.value));
  const imported = await handle.result();
  expect(imported).toMatchObject({ importId: handle.id, dataset: "flights-20k", flights: 20_000, checkedDistances: 20_000 });

  expect(progress.length).toBeGreaterThan(1);
  expect(progress.map(({ done }) => done)).toEqual(progress.map(({ done }) => done).sort((a, b) => a - b));
  expect(new Set(progress.map(({ total }) => total))).toEqual(new Set([20_000]));

  const audit = await terminal.trpc.flights.audit.query({ importId: handle.id });
  expect(audit).toMatchObject({ flights: 20_000, imports: 1, attempts: 1, crashes: 0 });
  expect(audit.events.filter(({ type }) => type !== "progress")).toEqual([
    { type: "queued", count: 1 },
    { type: "started", count: 1 },
    { type: "succeeded", count: 1 },
  ]);
  // Which calls there are is their owner's business.
  await expect(billing.trpc.flights.audit.query({ importId: handle.id })).rejects.toMatchObject({ data: { code: "NOT_FOUND" } });
});

test("reports what an independent count of the file says, in both modes", async () => {
  const { importId } = await terminal.trpc.flights.import.mutate({ dataset: "flights-20k" }, { context: { mode: "async" } });
  const input = { importId, top: 10_000 };
  const sync = await terminal.trpc.flights.report.query(input);
  const deferred = await terminal.trpc.flights.report.query(input, { context: { mode: "async" } });
  expect(deferred).toEqual(sync);

  const records = JSON.parse(await readFile(datasetFile("flights-20k.json"), "utf8")) as FileRecord[];
  const figures = sync.rows.map(({ airport, hour, flights, meanDelayMinutes, lateShare, delayMinutes }) => ({
    airport,
    hour,
    flights,
    meanDelayMinutes: meanDelayMinutes.toFixed(6),
    lateShare: lateShare.toFixed(6),
    delayMinutes,
  }));
  expect(figures).toEqual(countByHand(records));
  expect(sync).toMatchObject({ flights: 20_000, groups: sync.rows.length });
  expect(sync.rows[0]).toMatchObject({ airport: "DFW", place: "Dallas-Fort Worth, TX", hour: 19, flights: 121 });
  // One minute of one flight would show.
  const [first, ...others] = records;
  expect(figures).not.toEqual(countByHand([{ ...first!, delay: first!.delay + 1 }, ...others]));

  const few = await terminal.trpc.flights.report.query({ importId, top: 3 });
  expect(few).toEqual({ ...sync, rows: sync.rows.slice(0, 3) });
});

test("a dataset without airports is reported by the hour", async () => {
  const first = await terminal.defer.flights.import.within("30 seconds", { dataset: "flights-200k" });
  if (!first.done) throw new Error("200,000 flights took longer than 30 seconds.");
  const { importId, flights, checkedDistances, farthestOffMiles } = first.output;
  expect({ flights, checkedDistances, farthestOffMiles }).toEqual({ flights: 200_000, checkedDistances: 0, farthestOffMiles: null });
  const report = await billing.trpc.flights.report.query({ importId, top: 100 });
  expect(report).toMatchObject({ flights: 200_000, groups: 24 });
  expect(report.rows.map(({ hour }) => hour).sort((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, hour) => hour));
  expect(report.rows.every(({ airport, place }) => airport === null && place === null)).toBe(true);
});

test("an import that is cancelled leaves nothing", async () => {
  const handle = await terminal.defer.flights.import({ dataset: "flights-20k", paceMs: 100 });
  for await (const event of handle.events()) if (event.type === "progress") expect(await handle.cancel("enough")).toBe(true);
  await expect(handle.result()).rejects.toMatchObject({ _tag: "CallCancelled", reason: "enough" });
  expect(await terminal.trpc.flights.audit.query({ importId: handle.id })).toMatchObject({ flights: 0, imports: 0 });
  await expect(terminal.trpc.flights.report.query({ importId: handle.id })).rejects.toMatchObject({ data: { code: "NOT_FOUND" } });
});

test("refuses what is no dataset, before anything is stored", async () => {
  // @ts-expect-error there is no such dataset
  const starting = terminal.defer.flights.import({ dataset: "../../../etc/passwd" });
  await expect(starting).rejects.toMatchObject({ data: { code: "BAD_REQUEST" } });
});

test("refuses whoever has no token", async () => {
  const nobody = connect({ url, token: "x".repeat(22) });
  await expect(nobody.trpc.flights.imports.query()).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
  await expect(nobody.defer.flights.import({ dataset: "flights-20k" })).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
});

/** A record of the file, as the file has it. */
interface FileRecord {
  readonly date: string;
  readonly delay: number;
  readonly origin: string;
}

/** The report without SQL, and without the code that reads the file for the import. */
function countByHand(records: readonly FileRecord[]) {
  const groups = Map.groupBy(records, ({ date, origin }) => `${origin} ${date.split(" ")[1]!.split(":")[0]}`);
  return [...groups]
    .map(([key, flights]) => {
      const [airport = "", hour = ""] = key.split(" ");
      const delays = flights.map(({ delay }) => delay);
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
      return {
        airport,
        hour: Number(hour),
        flights: flights.length,
        meanDelayMinutes: (sum(delays) / flights.length).toFixed(6),
        lateShare: (delays.filter((delay) => delay > 15).length / flights.length).toFixed(6),
        delayMinutes: sum(delays.filter((delay) => delay > 0)),
      };
    })
    .sort((a, b) => b.flights - a.flights || (a.airport < b.airport ? -1 : a.airport > b.airport ? 1 : a.hour - b.hour));
}
