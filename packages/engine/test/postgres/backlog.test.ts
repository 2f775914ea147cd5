import type { Sql } from "postgres";
import { expect, test } from "vitest";
import { acceptBatch } from "../../src/postgres/accepting/accept.ts";
import { lookAside } from "../../src/postgres/aside/look-aside.ts";
import { claim } from "../../src/postgres/claiming/claim.ts";
import { expireDue } from "../../src/postgres/keeping/expire.ts";
import { pathsWithRoom } from "../../src/postgres/claiming/gate.ts";
import type { Ledger } from "../../src/postgres/ledger.ts";
import { reapLost } from "../../src/postgres/keeping/reap.ts";
import { makeRedelivery } from "../../src/postgres/keeping/redeliver.ts";
import { deleteRetained } from "../../src/postgres/keeping/retain.ts";
import type { Sessions } from "../../src/postgres/sessions/sessions.ts";
import { settleBatch } from "../../src/postgres/settling/settle.ts";
import { whatIsDue } from "../../src/postgres/keeping/what-is-due.ts";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture } from "./ledger-fixture.ts";
import { ledgerWithoutKeeper } from "./ledger-without-keeper.ts";

/** Calls of each kind. */
const backlog = 20_000;

/** Rows that an act may read: the keeper takes up to 1,000 calls with their events and deliveries in a pass. */
const fewRows = 5_000;

const limited = { path: "limited", concurrency: 1 };

interface Kind {
  readonly state: "queued" | "succeeded";
  readonly isLimited?: boolean;
  readonly isParked?: boolean;
  readonly isAside?: boolean;
}

/** Those that were set aside first: by when they were due, they come before all others. */
const kinds: readonly Kind[] = [
  { state: "queued", isAside: true },
  { state: "queued", isAside: true, isLimited: true },
  { state: "succeeded" },
  { state: "queued" },
  { state: "queued", isLimited: true, isParked: true },
];

/** Fills the ledger with calls that wait, that wait for room, that were set aside, and that have ended. */
async function fill(sql: Sql, schema: string): Promise<void> {
  for (const [place, { state, isLimited = false, isParked = false, isAside = false }] of kinds.entries()) {
    await sql`
      insert into ${sql(schema)}.call
        (id, path, queue, principal, state, seq, priority, input, context, input_hash, created_at, due_at, retention_ms, concurrency, parked, aside_attempt)
      select gen_random_uuid(), ${isLimited ? limited.path : "free"}, 'backlog', 'ada', ${state}, 1, 0, '{}', '{}', '\\x00', now() - interval '1 day',
        now() + case ${state} when 'queued' then -1 else 1 end * interval '1 hour' + (${place * backlog}::int + n) * interval '1 millisecond',
        3600000, ${isLimited ? limited.concurrency : null}::int, ${isParked}, ${isAside ? 0 : null}::int
      from generate_series(1, ${backlog}) as n`;
  }
}

/** Sessions whose statements are in the server's statistics as soon as they have run. */
function counted(sessions: Sessions): Sessions {
  return {
    begin: sessions.begin,
    end: (timeoutMs) => sessions.end(timeoutMs),
    use: (work) =>
      sessions.use(async (session, discard) => {
        const value = await work(session, discard);
        await session`select pg_stat_force_next_flush()`;
        return value;
      }),
  };
}

/** What is done once the ledger has been made ready for it. */
interface Act {
  readonly ready?: (sql: Sql, schema: string) => Promise<unknown>;
  readonly run: (ledger: Ledger) => Promise<unknown>;
}

const acts: Record<string, Act> = {
  "asking what is due": { run: (ledger) => whatIsDue(ledger, { redeliver: true, returnMs: 0 }) },
  "looking for paths with room": { run: pathsWithRoom },
  "taking back lost calls": {
    ready: (sql, schema) => sql`
      update ${sql(schema)}.call set state = 'running', attempt = 1, due_at = now()
      where id = any(array(select id from ${sql(schema)}.call where state = 'queued' and not parked and aside_attempt is null order by due_at limit 500))`,
    run: reapLost,
  },
  "expiring calls": {
    ready: (sql, schema) => sql`
      update ${sql(schema)}.call set expires_at = now()
      where id = any(array(select id from ${sql(schema)}.call where state = 'queued' and not parked and aside_attempt is null order by due_at limit 500))`,
    run: expireDue,
  },
  "deleting ended calls": {
    ready: (sql, schema) => sql`
      update ${sql(schema)}.call set due_at = now()
      where id = any(array(select id from ${sql(schema)}.call where state = 'succeeded' order by due_at limit 500))`,
    run: deleteRetained,
  },
  "accepting a call once more by its key": {
    async run(ledger) {
      const call = newCall({ idempotencyKey: "once" });
      await acceptBatch(ledger, [call]);
      expect(await acceptBatch(ledger, [newCall({ idempotencyKey: "once" })])).toEqual([{ id: call.id, state: "queued", created: false }]);
    },
  },
  "letting in, running and settling limited calls": {
    async run(ledger) {
      for (let round = 0; round < 2; round += 1) {
        await ledger.gate.open([limited.path]);
        const claimed = await claim(ledger, { ...claimOne, queues: ["backlog"], limit: 1_000 });
        const attempt = claimed.find(({ path }) => path === limited.path);
        await settleBatch(ledger, [{ attempt: attempt!, settlement: { type: "succeeded", output: "1" } }]);
      }
    },
  },
  "looking for lost deliveries": { run: (ledger) => makeRedelivery(ledger)() },
  "looking for paths with calls aside": { run: (ledger) => lookAside(ledger) },
};

test.each(["before the table has statistics", "when the table has statistics"])(
  "a backlog is not read for anything, %s",
  { timeout: 120_000 },
  async (when) => {
    await using fixture = await ledgerFixture();
    await using without = await ledgerWithoutKeeper(fixture, counted);
    const { sql, schema } = fixture;
    const { control } = without.ledger;
    await without.ledger.delivery.prepare(["default", "backlog"]);
    await control.use((session) => fill(session, schema));
    if (when.startsWith("when")) await sql`analyze ${sql(schema)}.call, ${sql(schema)}.event`;

    /** Rows that statements have read of the ledger, since it was created. */
    async function rowsRead(): Promise<number> {
      const [row] = await sql<{ read: number }[]>`
      select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as read from pg_stat_user_tables where schemaname = ${schema}`;
      return row!.read;
    }

    const read: Record<string, number> = {};
    for (const [name, { ready, run }] of Object.entries(acts)) {
      await control.use(async (session) => ready?.(session, schema));
      const before = await rowsRead();
      await run(without.ledger);
      read[name] = (await rowsRead()) - before;
    }
    expect(Object.entries(read).filter(([, rows]) => rows > fewRows)).toEqual([]);
  },
);

test("deliveries lost from a backlog are found by and by, each pass reading no more than it sends", { timeout: 120_000 }, async () => {
  await using fixture = await ledgerFixture();
  await using without = await ledgerWithoutKeeper(fixture);
  const { sql, schema } = fixture;
  await without.ledger.delivery.prepare(["backlog"]);
  await fill(sql, schema);
  const redeliver = makeRedelivery(without.ledger);
  const delivered = async () => {
    const [row] = await sql<{ count: number }[]>`select count(*)::int from ${sql(`${schema}_pgboss`)}.job`;
    return row?.count;
  };
  for (let pass = 1; pass <= backlog / 1_000; pass += 1) {
    await redeliver();
    expect(await delivered()).toBe(pass * 1_000);
  }
  // Behind the last it begins again.
  await redeliver();
  await sql`delete from ${sql(`${schema}_pgboss`)}.job`;
  await redeliver();
  expect(await delivered()).toBe(1_000);
});
