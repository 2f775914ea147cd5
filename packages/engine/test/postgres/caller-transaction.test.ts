import postgres, { type Sql } from "postgres";
import { describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine.ts";
import type { AdaptedTransaction, CallerTransaction } from "../../src/postgres/index.ts";
import { newCall } from "../new-call.ts";
import { claimOne, type LedgerFixture, ledgerFixture, nextWake } from "./ledger-fixture.ts";

describe("accepting in the caller's own transaction", () => {
  test("a call exists if and when the transaction commits, and its commit wakes the workers", async () => {
    await using fixture = await ledgerFixture();
    const [api, worker] = [fixture.engine(), fixture.engine()];
    await Promise.all([api.start(), worker.start()]);
    const call = newCall();
    await fixture.sql.begin(async (transaction) => {
      expect(await api.accept(call, { transaction })).toMatchObject({ created: true });
      expect(await worker.claim(claimOne)).toEqual([]);
      expect(await worker.read(call.id, { principal: "ada" })).toBeNull();
    });
    const woken = nextWake((wake) => worker.onRunnable(["default"], wake));
    const [claimed] = await worker.claim(claimOne);
    expect(claimed?.id ?? (await woken.then(() => worker.claim(claimOne)))[0]?.id).toBe(call.id);
  });

  test("a call of a transaction that rolls back never was", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.start();
    const call = newCall({ idempotencyKey: "once" });
    await expect(
      fixture.sql.begin(async (transaction) => {
        await engine.accept(call, { transaction });
        throw new Error("changed my mind");
      }),
    ).rejects.toThrow("changed my mind");
    expect(await engine.read(call.id, { principal: "ada" })).toBeNull();
    expect(await engine.claim(claimOne)).toEqual([]);
    expect(await engine.accept(newCall({ idempotencyKey: "once", input: "other" }))).toMatchObject({ created: true });
  });

  test("two transactions with one key: the second waits for the first and gets its call", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.start();
    const [first, second] = [newCall({ idempotencyKey: "k" }), newCall({ idempotencyKey: "k" })];
    const firstAccepted = Promise.withResolvers<void>();
    const mayCommit = Promise.withResolvers<void>();
    const one = fixture.sql.begin(async (transaction) => {
      await engine.accept(first, { transaction });
      firstAccepted.resolve();
      await mayCommit.promise;
    });
    await firstAccepted.promise;
    const two = engine.accept(second);
    mayCommit.resolve();
    await one;
    expect(await two).toEqual({ id: first.id, state: "queued", created: false });
  });
});

describe("a transaction that is refused, with nothing written", () => {
  const accept = (engine: Engine<unknown, CallerTransaction>, transaction: unknown) =>
    engine.accept(newCall(), { transaction: transaction as CallerTransaction });

  test.each([
    ["null", null, /got null/],
    ["a promise", Promise.resolve(), /await it first/],
    ["any object", { isTransaction: true }, /got an object with isTransaction/],
    ["text", "begin", /got string/],
    ["a connection of node-postgres", { query: () => undefined }, /executeSql: \(text, values\) => client\.query\(text, values\)/],
  ])("%s", async (_, transaction, message) => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await expect(accept(engine, transaction)).rejects.toMatchObject({
      _tag: "TransactionRefused",
      message: expect.stringMatching(message),
    });
  });

  test("one of another database, whether it has a ledger or not", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.start();
    await using other = await otherDatabase(fixture, `${fixture.schema}_other`);
    await expect(other.sql.begin((tx) => accept(engine, tx))).rejects.toMatchObject({
      _tag: "TransactionRefused",
      message: expect.stringContaining(`"${fixture.schema}_other" has no ledger in the schema "${fixture.schema}"`),
    });
    const stranger = fixture.engine({ url: other.url });
    await stranger.start();
    await expect(other.sql.begin((tx) => accept(engine, tx))).rejects.toMatchObject({
      message: expect.stringContaining("not the one of this engine"),
    });
    await stranger.stop();
    const [{ calls } = { calls: -1 }] = await other.sql<
      { calls: number }[]
    >`select count(*)::int as calls from ${other.sql(fixture.schema)}.call`;
    expect(calls).toBe(0);
  });

  test("one whose statements go to several connections", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.start();
    await fixture.sql.begin(async (first) => {
      await fixture.sql.begin(async (second) => {
        const sessions = [first, second];
        const pool: AdaptedTransaction = {
          executeSql: async (text, values) => ({ rows: await sessions.reverse()[0]!.unsafe(text, values as never[]) }),
        };
        await expect(accept(engine, pool)).rejects.toMatchObject({ _tag: "TransactionRefused" });
      });
    });
    expect(await engine.claim(claimOne)).toEqual([]);
  });
});

test("a ledger that has moved since the engine met it is looked for again", async () => {
  await using fixture = await ledgerFixture();
  const engine = fixture.engine();
  await engine.start();
  const accept = () => fixture.sql.begin((transaction) => engine.accept(newCall(), { transaction }));
  expect(await accept()).toMatchObject({ created: true });
  // As after a restore: the table is another one than the engine has met.
  await fixture.sql.unsafe(`
    create table ${fixture.schema}.copy (like ${fixture.schema}.call including all);
    alter table ${fixture.schema}.call rename to replaced; alter table ${fixture.schema}.copy rename to call`);
  expect(await accept()).toMatchObject({ created: true });
});

/** A database beside the run's own. Disposing drops it. */
async function otherDatabase({ sql, url: fixtureUrl }: LedgerFixture, name: string): Promise<{ url: string; sql: Sql } & AsyncDisposable> {
  await sql.unsafe(`create database ${name}`);
  const url = new URL(fixtureUrl);
  url.pathname = `/${name}`;
  const connection = postgres(url.href, { max: 1, onnotice: () => undefined });
  return {
    url: url.href,
    sql: connection,
    async [Symbol.asyncDispose]() {
      await connection.end({ timeout: 1 });
      await sql.unsafe(`drop database ${name} with (force)`);
    },
  };
}
