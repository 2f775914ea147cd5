import { describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine.ts";
import { migrations } from "../../src/postgres/migrations/migrate.ts";
import { notAdditive } from "./additive.ts";
import { type LedgerFixture, claimOne, ledgerFixture, nextWake } from "./ledger-fixture.ts";

const latest = migrations.length;

/** Makes the ledger as an earlier release would have left it. */
async function ledgerOf({ sql, schema }: LedgerFixture, version: number): Promise<void> {
  await sql.unsafe(
    [
      `create schema ${schema};`,
      `create table ${schema}.migration (version integer primary key, applied_at timestamptz not null default now());`,
      ...migrations.slice(0, version).map((migration) => migration(schema)),
      ...migrations.slice(0, version).map((_, index) => `insert into ${schema}.migration (version) values (${index + 1});`),
    ].join("\n"),
  );
}

/** A call of each kind that the first release knew, as it wrote them: all in flight but the last. */
async function callsOfTheFirstRelease({ sql, schema }: LedgerFixture): Promise<void> {
  const calls = [
    { id: 1, state: "queued", events: ["queued"], set: "" },
    {
      id: 2,
      state: "running",
      events: ["queued", "started"],
      set: "attempt = 1, started_at = now(), worker = 'old', due_at = now() + interval '300 ms'",
    },
    {
      id: 3,
      state: "queued",
      events: ["queued", "started", "retrying"],
      set: "attempt = 1, started_at = now(), failures = 1, due_at = now() + interval '300 ms'",
    },
    { id: 4, state: "queued", events: ["queued"], set: "concurrency = 1, parked = true" },
    { id: 5, state: "queued", events: ["queued"], set: "concurrency = 1, parked = true" },
    {
      id: 6,
      state: "succeeded",
      events: ["queued", "started", "succeeded"],
      set: `attempt = 1, started_at = now(), ended_at = now(), output = '"kept"', due_at = now() + interval '1 day'`,
    },
  ];
  for (const { id, state, events, set } of calls) {
    const uuid = `00000000-0000-4000-8000-00000000000${id}`;
    await sql.unsafe(`
      insert into ${schema}.call (id, path, queue, state, seq, priority, input, context, input_hash, created_at, due_at, retention_ms)
      values ('${uuid}', 'flights.report', 'default', 'queued', ${events.length}, 0, '1', 'null', '\\x00', now(), now(), 86400000);`);
    if (set !== "") await sql.unsafe(`update ${schema}.call set state = '${state}', ${set} where id = '${uuid}'`);
    // The others are in the call's own row.
    const seq = events.indexOf("retrying") + 1;
    if (seq === 0) continue;
    await sql.unsafe(
      `insert into ${schema}.event (call_id, seq, type, at, attempt, body) values ('${uuid}', ${seq}, 'retrying', now(), 1, '{"reason":"failed","failure":null,"delayMs":300}')`,
    );
  }
}

async function runAll(engine: Engine, count: number): Promise<Map<string, number>> {
  const attempts = new Map<string, number>();
  while (attempts.size < count) {
    const woken = nextWake((wake) => engine.onRunnable(["default"], wake));
    const calls = await engine.claim({ ...claimOne, limit: 10 });
    for (const call of calls) {
      expect(await engine.settle(call, { type: "succeeded", output: "2" })).toBe("settled");
      attempts.set(call.id.slice(-1), call.attempt);
    }
    if (calls.length === 0 && attempts.size < count) await woken;
  }
  return attempts;
}

describe("migrations after the first", () => {
  test.each(migrations.slice(1).map((migration, index) => [index + 2, migration("raincheck")] as const))(
    "number %i only adds what the release before it need not know",
    (_, migration) => {
      expect(notAdditive(migration)).toEqual([]);
    },
  );

  test.each([
    "alter table raincheck.call drop column worker",
    "alter table raincheck.call rename column worker to runner",
    "alter table raincheck.call alter column worker set not null",
    "alter table raincheck.call alter column attempt type bigint",
    "alter table raincheck.call add column kind text not null",
    "alter table raincheck.call add column kind text check (kind <> '')",
    "alter table raincheck.call add column parent uuid references raincheck.call (id)",
    "alter table raincheck.call add constraint positive check (attempt >= 0)",
    "create unique index call_once on raincheck.call (path)",
    "drop index raincheck.call_open",
    "update raincheck.call set state = 'queued'",
    "delete from raincheck.event",
    "create trigger on_call before insert on raincheck.call execute function raincheck.refuse()",
  ])("%s is not such a thing", (statement) => {
    expect(notAdditive(`  ${statement};\n`)).toHaveLength(1);
  });

  test("a table of its own may be made as one likes", () => {
    expect(
      notAdditive(`create table raincheck.pace (path text primary key, at timestamptz not null);
        create unique index pace_at on raincheck.pace (at);
        alter table raincheck.call add column kind text not null default 'plain'; create index call_kind on raincheck.call (kind);`),
    ).toEqual([]);
  });
});

describe("a ledger of another version", () => {
  test("that is older is migrated with its calls in flight, and each of them goes on", async () => {
    for (let version = 1; version < latest; version += 1) {
      await using fixture = await ledgerFixture();
      await ledgerOf(fixture, version);
      await callsOfTheFirstRelease(fixture);
      const engine = fixture.engine();
      await engine.start();
      const attempts = await runAll(engine, 5);
      expect(Object.fromEntries(attempts)).toEqual({ 1: 1, 2: 2, 3: 2, 4: 1, 5: 1 });
      const ended = await engine.read("00000000-0000-4000-8000-000000000006", { principal: null });
      expect(ended).toMatchObject({ state: "succeeded", output: `"kept"` });
      const lost = await engine.events("00000000-0000-4000-8000-000000000002", 0, { principal: null });
      expect(lost?.events.map(({ type }) => type)).toEqual(["queued", "started", "retrying", "started", "succeeded"]);
    }
  });

  test("that is older is refused with migrate: false, with the mend", async () => {
    await using fixture = await ledgerFixture();
    await ledgerOf(fixture, latest - 1);
    await expect(fixture.engine({ migrate: false }).start()).rejects.toMatchObject({
      _tag: "EngineSetupError",
      message: `The ledger in schema "${fixture.schema}" is older than this release of Raincheck (it has version ${latest - 1}, ${latest} is needed): start once with migrate: true, as a role that may create tables.`,
    });
  });

  test("that is one version ahead is used as it is, with migrate: false too", async () => {
    await using fixture = await ledgerFixture();
    await fixture.engine().start();
    await fixture.sql`insert into ${fixture.sql(fixture.schema)}.migration (version) values (${latest + 1})`;
    await fixture.engine().start();
    await fixture.engine({ migrate: false }).start();
  });

  test("that is two versions ahead is refused in one sentence", async () => {
    await using fixture = await ledgerFixture();
    await fixture.engine().start();
    await fixture.sql`insert into ${fixture.sql(fixture.schema)}.migration (version) values (${latest + 2})`;
    for (const migrate of [true, false])
      await expect(fixture.engine({ migrate }).start()).rejects.toMatchObject({
        _tag: "EngineSetupError",
        message: `The ledger in schema "${fixture.schema}" has version ${latest + 2}, and this release of Raincheck works with versions up to ${latest + 1}: upgrade this process to the release that migrated the ledger, or to the one before it.`,
      });
  });

  test("that is older waits for nobody's transaction longer than others can bear, and is migrated afterwards", async () => {
    await using fixture = await ledgerFixture();
    await ledgerOf(fixture, latest - 1);
    const held = Promise.withResolvers<void>();
    const holding = Promise.withResolvers<void>();
    const transaction = fixture.sql.begin(async (sql) => {
      await sql`select from ${sql(fixture.schema)}.call`;
      holding.resolve();
      await held.promise;
    });
    await holding.promise;
    const engine = fixture.engine();
    await expect(engine.start()).rejects.toMatchObject({ _tag: "EngineUnavailable" });
    held.resolve();
    await transaction;
    await engine.start();
  });
});
