import type { Sql } from "postgres";
import { expect, test, vi } from "vitest";
import type { CallId } from "@raincheck/protocol";
import { acceptBatch } from "../../src/postgres/accepting/accept.ts";
import { claim } from "../../src/postgres/claiming/claim.ts";
import type { Ledger } from "../../src/postgres/ledger.ts";
import { readEvents } from "../../src/postgres/reading/events.ts";
import { readCalls } from "../../src/postgres/reading/read.ts";
import { settleBatch } from "../../src/postgres/settling/settle.ts";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture } from "./ledger-fixture.ts";
import { ledgerWithoutKeeper } from "./ledger-without-keeper.ts";

const reader = { principal: newCall().principal };

/** As often as Postgres makes a plan for the values at hand, and once more: then it keeps one. */
const untilPlansAreKept = 8;

async function accepted(ledger: Ledger, count: number): Promise<CallId[]> {
  const results = await acceptBatch(
    ledger,
    Array.from({ length: count }, () => newCall()),
  );
  return results.map((result) => ("id" in result ? result.id : ""));
}

/** What the usual life of calls does, from acceptance to being read. */
async function live(ledger: Ledger, count: number): Promise<void> {
  const ids = await accepted(ledger, count);
  const calls = await claim(ledger, { ...claimOne, limit: count });
  expect(calls).toHaveLength(count);
  await settleBatch(
    ledger,
    calls.map((attempt) => ({ attempt, settlement: { type: "succeeded", output: "1" } })),
  );
  const requests = ids.map((id) => ({ id, reader }));
  expect(await readCalls(ledger, requests)).not.toContain(null);
  await readEvents(
    ledger,
    requests.map((request) => ({ ...request, after: 0 })),
  );
}

/** Rows that statements have read of the ledger's tables, by tables read whole and by index. */
async function rowsRead(sql: Sql, schema: string): Promise<{ readonly whole: number; readonly byIndex: number }> {
  const [row] = await sql<{ whole: number; byIndex: number }[]>`
    select sum(seq_tup_read)::int as whole, sum(coalesce(idx_tup_fetch, 0))::int as "byIndex"
    from pg_stat_user_tables where schemaname = ${schema} and relname in ('call', 'event')`;
  return row!;
}

test("sessions that have made their plans for an empty ledger read no more of a full one than they are asked about", async () => {
  await using fixture = await ledgerFixture();
  await using without = await ledgerWithoutKeeper(fixture);
  const { ledger } = without;
  const { sql, schema } = fixture;
  for (let round = 0; round < untilPlansAreKept; round += 1) await live(ledger, 2);
  await sql`
    insert into ${sql(schema)}.call
      (id, path, queue, principal, state, seq, attempt, priority, input, context, input_hash, created_at, started_at, ended_at, due_at, retention_ms)
    select gen_random_uuid(), 'free', 'default', 'ada', 'succeeded', 3, 1, 0, '{}', '{}', '\\x00', now(), now(), now(), now() + interval '1 hour', 3600000
    from generate_series(1, 20000) as n`;
  const flushed = () => ledger.control.use((session) => session`select pg_stat_force_next_flush()`);
  await flushed();
  const before = await rowsRead(sql, schema);
  await live(ledger, 100);
  await flushed();
  const after = await rowsRead(sql, schema);
  expect(after.whole - before.whole).toBe(0);
  // Each of the hundred is met at its claim, its settle and its two reads, with its earlier versions.
  expect(after.byIndex - before.byIndex).toBeLessThan(3_000);
});

test("who sends and takes many deliveries has their table analysed, so that what is fetched is not compared with all that waits", async () => {
  await using fixture = await ledgerFixture();
  await using without = await ledgerWithoutKeeper(fixture);
  const { sql, schema } = fixture;
  await accepted(without.ledger, 2_000);
  await sql`analyze ${sql(`${schema}_pgboss`)}.job_common`;
  await sql`update pg_class set reltuples = 0 where oid = ${`${schema}_pgboss.job_common`}::regclass`;
  const rowsKnown = async () => {
    const [row] = await sql<{ rows: number }[]>`
      select reltuples::int as rows from pg_class where oid = ${`${schema}_pgboss.job_common`}::regclass`;
    return row?.rows;
  };
  await claim(without.ledger, { ...claimOne, limit: 200 });
  await vi.waitFor(async () => expect(await rowsKnown()).toBeGreaterThan(1_000), { timeout: 15_000 });
});
