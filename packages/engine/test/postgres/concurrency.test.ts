import type { Sql, TransactionSql } from "postgres";
import { describe, expect, test } from "vitest";
import type { DeliveryFactory } from "../../src/delivery/delivery.ts";
import { pgBoss } from "../../src/delivery/pg-boss.ts";
import type { ClaimedCall } from "../../src/claim-request.ts";
import { acceptBatch } from "../../src/postgres/accepting/accept.ts";
import { cancel } from "../../src/postgres/cancelling/cancel.ts";
import { claim } from "../../src/postgres/claiming/claim.ts";
import { commit } from "../../src/postgres/settling/commit.ts";
import { expireDue } from "../../src/postgres/keeping/expire.ts";
import type { Ledger } from "../../src/postgres/ledger.ts";
import { reapLost } from "../../src/postgres/keeping/reap.ts";
import { settleBatch } from "../../src/postgres/settling/settle.ts";
import { newCall } from "../new-call.ts";
import { claimOne, type LedgerFixture, ledgerFixture, nextWake } from "./ledger-fixture.ts";
import { ledgerWithoutKeeper } from "./ledger-without-keeper.ts";

const reader = { principal: "ada" };
const claimMany = { ...claimOne, limit: 10 };
const succeeded = { type: "succeeded", output: "1" } as const;

/** pg-boss, and how often something was taken from it. */
function countedDelivery(): { readonly delivery: DeliveryFactory; taken(): number } {
  let count = 0;
  return {
    taken: () => count,
    delivery: {
      name: "counted",
      async open(connection) {
        const opened = await pgBoss().open(connection);
        return {
          ...opened,
          take: (...given) => {
            count += 1;
            return opened.take(...given);
          },
        };
      },
    },
  };
}

/** Holds a path's lock, as another process's claim would, and has that do something, until the returned function is called. */
async function holdLock(
  { sql, schema }: LedgerFixture,
  path: string,
  work: (transaction: TransactionSql) => Promise<unknown> = async () => undefined,
): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const holding = sql.begin(async (transaction) => {
    await transaction`select pg_advisory_xact_lock(hashtextextended(${`${schema}:${path}`}, 0))`;
    await work(transaction);
    held.resolve();
    await released.promise;
  });
  await held.promise;
  return async () => {
    released.resolve();
    await holding;
  };
}

/** Who waits for a lock. */
function waitingForLock(sql: Sql, name: string) {
  return sql`
    select from pg_locks
    where locktype = 'advisory' and not granted and (classid::bigint << 32) | objid::bigint = hashtextextended(${name}, 0)`;
}

const endings: Record<string, (ledger: Ledger, attempt: ClaimedCall, sql: Sql) => Promise<unknown>> = {
  "is settled": (ledger, attempt) => settleBatch(ledger, [{ attempt, settlement: succeeded }]),
  "is retried later": (ledger, attempt) =>
    settleBatch(ledger, [{ attempt, settlement: { type: "retrying", reason: "failed", failure: null, delayMs: 3_600_000 } }]),
  commits: (ledger, attempt) => commit(ledger, attempt, async () => ({ value: null, output: "1" })),
  "is cancelled": (ledger, { id }) => cancel(ledger, { id, reader }, null),
  expires: async (ledger, { id }, sql) => {
    await sql`update ${sql(ledger.schema)}.call set expires_at = now(), deadline = now() where id = ${id}`;
    await expireDue(ledger);
  },
  "is lost for the last time": async (ledger, { id }, sql) => {
    await sql`update ${sql(ledger.schema)}.call set due_at = now() - interval '1 second', crashes = 2 where id = ${id}`;
    await reapLost(ledger);
  },
};

describe("room is given away at once, without a keeper", () => {
  test.each(Object.keys(endings))("when an attempt %s", async (name) => {
    await using fixture = await ledgerFixture();
    await using without = await ledgerWithoutKeeper(fixture);
    const { ledger } = without;
    const limited = { path: "limited", concurrency: 1 };
    const [first, second] = [newCall(limited), newCall(limited)];
    await acceptBatch(ledger, [first]);
    await acceptBatch(ledger, [second]);
    await ledger.gate.open([limited.path]);
    const [attempt] = await claim(ledger, claimMany);
    expect(attempt?.id).toBe(first.id);
    await ledger.gate.open([limited.path]);
    expect(await claim(ledger, claimMany)).toEqual([]);
    const runnable = without.nextRunnable();
    await endings[name]?.(ledger, attempt!, fixture.sql);
    await runnable;
    expect(await claim(ledger, claimMany)).toMatchObject([{ id: second.id }]);
  });
});

test("what a claim parks while room is made is let in when both have happened", async () => {
  await using fixture = await ledgerFixture();
  await using without = await ledgerWithoutKeeper(fixture);
  const { ledger } = without;
  const { sql, schema } = fixture;
  const limited = { path: "limited", concurrency: 1 };
  const [first, second] = [newCall(limited), newCall(limited)];
  await acceptBatch(ledger, [first]);
  await ledger.gate.open([limited.path]);
  const [attempt] = await claim(ledger, claimMany);
  await acceptBatch(ledger, [second]);
  await sql`update ${sql(schema)}.call set parked = false where id = ${second.id}`;
  const release = await holdLock(
    fixture,
    limited.path,
    (claiming) => claiming`update ${claiming(schema)}.call set parked = true where id = ${second.id}`,
  );
  const runnable = without.nextRunnable();
  await settleBatch(ledger, [{ attempt: attempt!, settlement: succeeded }]);
  // The gate has come to the lock.
  await expect.poll(() => waitingForLock(sql, `${schema}:${limited.path}`), { timeout: 15_000 }).toHaveLength(1);
  await release();
  await runnable;
  expect(await claim(ledger, claimMany)).toMatchObject([{ id: second.id }]);
});

describe("limited calls", () => {
  test("a claim that has waited for its turn sees what began meanwhile, whatever isolation the role has by default", async () => {
    await using fixture = await ledgerFixture();
    const { sql, schema } = fixture;
    const url = new URL(fixture.url);
    url.searchParams.set("options", "-c default_transaction_isolation=serializable");
    const engine = fixture.engine({ url: url.href });
    const calls = [newCall({ path: "limited", concurrency: 1 }), newCall({ path: "limited", concurrency: 1 })];
    // Accepted in a transaction, so that each has its delivery.
    await engine.transaction(async (transaction) => {
      for (const call of calls) await engine.accept(call, { transaction });
    });
    const release = await holdLock(fixture, "limited", async (claiming) => {
      await claiming`delete from ${claiming(`${schema}_pgboss`)}.job where id = ${calls[0]!.id}`;
      await claiming`update ${claiming(schema)}.call set state = 'running', due_at = now() + interval '1 hour' where id = ${calls[0]!.id}`;
    });
    const claiming = engine.claim(claimMany);
    await expect.poll(() => waitingForLock(sql, `${schema}:limited`), { timeout: 15_000 }).toHaveLength(1);
    await release();
    expect(await claiming).toEqual([]);
  });

  test(
    "a backlog of 10,000 is not in the way: another call is claimed at once, with one look into the queue",
    { timeout: 120_000 },
    async () => {
      await using fixture = await ledgerFixture();
      const { delivery, taken } = countedDelivery();
      const engine = fixture.engine({ delivery });
      await Promise.all(Array.from({ length: 10_000 }, () => engine.accept(newCall({ path: "limited", concurrency: 2, priority: 5 }))));
      const { id } = await engine.accept(newCall());
      expect((await engine.claim(claimMany)).map(({ path }) => path)).toEqual(["limited", "limited", "flights.report"]);
      expect(taken()).toBe(1);
      expect((await engine.read(id, reader))?.state).toBe("running");
      // Neither does it come in by and by: nothing is delivered for which there is no room.
      expect(await engine.claim(claimMany)).toEqual([]);
      const jobs = await fixture.sql`select id from ${fixture.sql(`${fixture.schema}_pgboss`)}.job`;
      expect(jobs).toEqual([]);
    },
  );

  test("too many deliveries of a path are dropped a few at a time, and who claims is woken to go on", async () => {
    await using fixture = await ledgerFixture();
    const { delivery, taken } = countedDelivery();
    const engine = fixture.engine({ delivery });
    // Accepted in a transaction, so that each has its delivery.
    await engine.transaction(async (transaction) => {
      for (let index = 0; index < 100; index += 1) {
        await engine.accept(newCall({ path: "limited", concurrency: 1, priority: 5 }), { transaction });
      }
    });
    const { id } = await engine.accept(newCall());
    expect(await engine.claim(claimOne)).toMatchObject([{ path: "limited" }]);
    for (let looks = 0; ; looks += 1) {
      const before = taken();
      const woken = nextWake((wake) => engine.onRunnable(["default"], wake));
      const claimed = await engine.claim(claimOne);
      expect(taken() - before).toBeLessThanOrEqual(16);
      if (claimed.length > 0) {
        expect(claimed).toMatchObject([{ id }]);
        // 99 deliveries, 16 at a time; more if the keeper has sent some again meanwhile.
        expect(looks).toBeGreaterThanOrEqual(6);
        break;
      }
      await woken;
    }
    const [row] = await fixture.sql<{ count: number }[]>`select count(*)::int from ${fixture.sql(fixture.schema)}.call where parked`;
    expect(row?.count).toBe(99);
  });

  test("a path whose lock is held keeps neither other paths nor unlimited calls waiting", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.accept(newCall({ path: "held", concurrency: 1, queue: "second" }));
    await engine.accept(newCall({ path: "free", concurrency: 1, queue: "first" }));
    const { id } = await engine.accept(newCall({ queue: "second" }));
    const release = await holdLock(fixture, "held");
    // The first queue's round took a lock, so that the second's must not wait for one.
    const claimed = await engine.claim({ ...claimMany, queues: ["first", "second"] });
    expect(claimed.map((call) => call.path)).toEqual(["free", "flights.report"]);
    expect(claimed.at(-1)?.id).toBe(id);
    const woken = nextWake((wake) => engine.onRunnable(["second"], wake));
    await release();
    await woken;
    expect(await engine.claim({ ...claimMany, queues: ["second"] })).toMatchObject([{ path: "held" }]);
  });

  test("room that a process made and did not live to give away is found", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const { sql, schema } = fixture;
    const { id } = await engine.accept(newCall({ path: "limited", concurrency: 1 }));
    const second = await engine.accept(newCall({ path: "limited", concurrency: 1 }));
    expect(await engine.claim(claimMany)).toMatchObject([{ id }]);
    const woken = nextWake((wake) => engine.onRunnable(["default"], wake));
    await sql`update ${sql(schema)}.call set state = 'succeeded', output = '1', ended_at = now(), due_at = now() + interval '1 hour' where id = ${id}`;
    await woken;
    expect(await engine.claim(claimMany)).toMatchObject([{ id: second.id }]);
  });

  test("what waits for room is not delivered again as if its delivery were lost", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const { sql, schema } = fixture;
    const jobs = sql(`${schema}_pgboss`);
    await engine.accept(newCall({ path: "limited", concurrency: 1 }));
    const [running] = await engine.claim(claimMany);
    const waiting = await engine.accept(newCall({ path: "limited", concurrency: 1 }));
    const lost = await engine.accept(newCall());
    await sql`delete from ${jobs}.job`;
    await sql`update ${sql(schema)}.call set due_at = now() - interval '1 hour' where state = 'queued'`;
    await nextWake((wake) => engine.onRunnable(["default"], wake));
    expect(await sql`select id from ${jobs}.job`).toEqual([{ id: lost.id }]);
    expect(await engine.claim(claimMany)).toMatchObject([{ id: lost.id }]);
    const woken = nextWake((wake) => engine.onRunnable(["default"], wake));
    await engine.settle(running!, succeeded);
    await woken;
    expect(await engine.claim(claimMany)).toMatchObject([{ id: waiting.id }]);
  });

  test("a lost delivery of a limited call is sent again", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const { sql, schema } = fixture;
    const { id } = await engine.accept(newCall({ path: "limited", concurrency: 1 }));
    const deleted = await sql`delete from ${sql(`${schema}_pgboss`)}.job`;
    expect(deleted.count).toBe(1);
    await nextWake((wake) => engine.onRunnable(["default"], wake));
    expect(await engine.claim(claimMany)).toMatchObject([{ id }]);
  });
});
