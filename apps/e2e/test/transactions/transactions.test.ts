/** A call that is accepted in the application's own transaction, through each library, against the library itself. */
import type { CallRecord, Engine, TransactionRefused } from "@raincheck/engine";
import { type CallerTransaction, postgresEngine } from "@raincheck/engine/postgres";
import { runWorker } from "@raincheck/worker";
import postgres, { type Sql, type TransactionSql } from "postgres";
import { describe, expect, test } from "vitest";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";
import { type Billing, type OpenOrders, type Orders, billing, ctx, withSearchPath } from "./shop.ts";
import { withDrizzle, withDrizzleOverNodePg } from "./with-drizzle.ts";
import { withKnex } from "./with-knex.ts";
import { withKysely } from "./with-kysely.ts";
import { withPostgresJs } from "./with-postgres-js.ts";
import { withPrisma } from "./with-prisma.ts";

const libraries: readonly { name: string; open: OpenOrders; mend: RegExp; conflict: object }[] = [
  { name: "postgres.js", open: withPostgresJs, mend: /sql\.begin\(/, conflict: { name: "PostgresError", code: "40001" } },
  { name: "Drizzle over postgres.js", open: withDrizzle, mend: /fromDrizzle\(tx, sql\)/, conflict: { cause: { code: "40001" } } },
  {
    name: "Drizzle over node-postgres",
    open: withDrizzleOverNodePg,
    mend: /fromDrizzle\(tx, sql\)/,
    conflict: { cause: { code: "40001" } },
  },
  { name: "Kysely", open: withKysely, mend: /fromKysely\(trx\)/, conflict: { code: "40001" } },
  { name: "Knex", open: withKnex, mend: /fromKnex\(trx\)/, conflict: { code: "40001" } },
  {
    name: "Prisma",
    open: withPrisma,
    mend: /fromPrisma\(tx\)/,
    conflict: { code: "P2010", message: expect.stringContaining("`40001`") as string },
  },
];

interface Running extends AsyncDisposable, Billing {
  readonly orders: Orders;
  readonly engine: Engine<TransactionSql, CallerTransaction>;
  readonly sql: Sql;
  readonly schema: string;
  /** The ids of the orders that were kept. */
  kept(): Promise<number[]>;
  calls(): Promise<readonly CallRecord[]>;
  /** Works in this process until disposed. */
  work(): Promise<AsyncDisposable>;
}

async function run(open: OpenOrders): Promise<Running> {
  await using opening = new AsyncDisposableStack();
  const { name: schema, url } = await testSchema();
  const sql = opening.adopt(postgres(url, { max: 1, onnotice: () => undefined }), (one) => one.end());
  await sql.unsafe(`create schema ${schema}_shop; create table ${schema}_shop.purchase (id int primary key, note text not null)`);
  const engine = opening.adopt(postgresEngine({ url, schema }), (one) => one.stop());
  await engine.start();
  const shop = billing(engine);
  const orders = opening.use(open({ url: withSearchPath(url, `${schema}_shop`), schema: `${schema}_shop` }, shop));
  const opened = opening.move();
  return {
    ...shop,
    orders,
    engine,
    sql,
    schema,
    kept: async () => (await sql.unsafe(`select id from ${schema}_shop.purchase order by id`)).map(({ id }) => Number(id)),
    calls: async () => (await engine.list({ principal: "ada" }, { path: null, state: null, cursor: null, limit: 100 })).calls,
    async work() {
      const worker = await runWorker({ raincheck: shop.raincheck, signals: false, shutdownGrace: "0 millis" });
      return { [Symbol.asyncDispose]: () => worker.stop() };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Runs a statement of the application in its transaction. */
function execute(transaction: CallerTransaction, text: string): Promise<unknown> {
  return "executeSql" in transaction ? transaction.executeSql(text) : transaction.unsafe(text);
}

/** What breaks where somebody encodes it twice, splits it or takes it for a placeholder. */
const awkward = {
  text: `'"\\ $1 $2 ? ?? \\? {1,2} :name @x %s ::text[] \n\t\u{1F600} ${"x".repeat(10_000)}`,
  nothing: null,
  absent: undefined,
  whole: 2n ** 70n,
  fraction: 0.1 + 0.2,
  negativeZero: -0,
  moment: new Date(1),
  list: [[], [null, "a", [1]], "{}", "null"],
  map: new Map([["$1", new Set([1, "1"])]]),
  flag: false,
};

describe.each(libraries)("through $name", ({ open, mend, conflict }) => {
  test("an order and its call come with one commit, and the call runs", async () => {
    await using shop = await run(open);
    await using _ = await shop.work();
    await shop.orders.place({ id: 1, note: "tea" });
    expect(await shop.kept()).toEqual([1]);
    const [call] = await shop.calls();
    await expect.poll(async () => (await shop.calls())[0]?.state, { timeout: 15_000 }).toBe("succeeded");
    expect(call).toMatchObject({ path: "billing.invoice", principal: "ada" });
  });

  test("until the commit nobody sees the call, and after a rollback it never was", async () => {
    await using shop = await run(open);
    const { raincheck, appRouter, orders } = shop;
    await expect(
      orders.inTransaction(async ({ transaction, insert }) => {
        await insert({ id: 1, note: "tea" });
        const { created } = await raincheck.start(appRouter.billing.invoice, { id: 1 }, { ctx, transaction, idempotencyKey: "1" });
        expect(created).toBe(true);
        expect(await shop.calls()).toEqual([]);
        throw new Error("changed my mind");
      }),
    ).rejects.toThrow("changed my mind");
    expect(await shop.kept()).toEqual([]);
    expect(await shop.calls()).toEqual([]);
    expect(await raincheck.start(appRouter.billing.invoice, { id: 2 }, { ctx, idempotencyKey: "1" })).toMatchObject({ created: true });
  });

  test("the commit wakes the workers of every process", async () => {
    await using shop = await run(open);
    const wake = Promise.withResolvers<string>();
    await shop.sql.listen(`${shop.schema}_wake`, wake.resolve);
    await shop.orders.place({ id: 1, note: "tea" });
    expect(await wake.promise).toBe("commit qdefault");
  });

  test("what was given comes back as it was", async () => {
    await using shop = await run(open);
    await using _ = await shop.work();
    const { raincheck, appRouter, orders } = shop;
    const user = { user: `ada ' " \\ $1 ? \u{1F600}` };
    const handle = await orders.inTransaction(({ transaction }) =>
      raincheck.start(appRouter.billing.invoice, { id: 1, about: awkward }, { ctx: user, transaction, idempotencyKey: "'?$1\u0000" }),
    );
    expect(await handle.result()).toEqual({ id: 1, about: awkward });
  });

  test("the ledger holds the same as without a transaction", async () => {
    await using shop = await run(open);
    const { raincheck, appRouter, orders, sql, schema } = shop;
    const options = { ctx, delay: "2 hours", startBy: "2 days", deadline: "3 days", priority: -7 } as const;
    await raincheck.start(appRouter.billing.collect, { id: 1 }, options);
    await raincheck.start(appRouter.billing.invoice, { id: 1 }, { ctx, delay: "1 hour" });
    await orders.inTransaction(async ({ transaction }) => {
      await raincheck.start(appRouter.billing.collect, { id: 1 }, { ...options, transaction });
      await raincheck.start(appRouter.billing.invoice, { id: 1 }, { ctx, delay: "1 hour", transaction });
    });
    const [collected, collectedInside, invoiced, invoicedInside] = await sql.unsafe(
      `select to_jsonb(call) - '{id, created_at, due_at, expires_at, deadline}'::text[] as call,
        round(extract(epoch from due_at - created_at)) as due,
        round(extract(epoch from expires_at - created_at)) as expires,
        round(extract(epoch from deadline - created_at)) as deadline
      from ${schema}.call order by path, created_at`,
    );
    expect(collected).toMatchObject({ due: "7200", expires: "172800", deadline: "259200" });
    expect(collectedInside).toEqual(collected);
    expect(invoicedInside).toEqual(invoiced);
  });

  test("a key gives the same call, inside and outside, and with another input it is refused without harm to the transaction", async () => {
    await using shop = await run(open);
    const { raincheck, appRouter, orders } = shop;
    const before = await raincheck.start(appRouter.billing.invoice, { id: 1 }, { ctx, idempotencyKey: "before" });
    await orders.inTransaction(async ({ transaction, insert }) => {
      const start = (id: number, idempotencyKey: string) =>
        raincheck.start(appRouter.billing.invoice, { id }, { ctx, transaction, idempotencyKey });
      expect(await start(1, "before")).toMatchObject({ id: before.id, created: false });
      const first = await start(2, "inside");
      expect(await start(2, "inside")).toMatchObject({ id: first.id, created: false });
      await expect(start(3, "inside")).rejects.toMatchObject({ code: "CONFLICT", cause: { _tag: "IdempotencyConflict" } });
      await expect(start(3, "before")).rejects.toMatchObject({ code: "CONFLICT" });
      await insert({ id: 3, note: "still open" });
    });
    expect(await shop.kept()).toEqual([3]);
    expect(await shop.calls()).toHaveLength(2);
  });

  test("a conflict is the library's own error, by which whoever repeats transactions knows it", async () => {
    await using shop = await run(open);
    const { raincheck, appRouter, orders } = shop;
    const start = (transaction?: CallerTransaction) =>
      raincheck.start(appRouter.billing.invoice, { id: 1 }, { ctx, idempotencyKey: "both", ...(transaction && { transaction }) });
    const conflicting = orders.inTransaction(async ({ transaction }) => {
      await execute(transaction, "set transaction isolation level repeatable read");
      await execute(transaction, "select 1 as taken");
      await start();
      await start(transaction);
    });
    await expect(conflicting).rejects.toMatchObject(conflict);
    await expect(conflicting).rejects.not.toMatchObject({ name: "TRPCError" });
  });

  test("calls of a procedure that runs one at a time all run", async () => {
    await using shop = await run(open);
    await using _ = await shop.work();
    const { raincheck, appRouter, orders } = shop;
    const start = (id: number, transaction: CallerTransaction) => raincheck.start(appRouter.billing.collect, { id }, { ctx, transaction });
    const handles = await orders.inTransaction(async ({ transaction }) => [
      await start(1, transaction),
      await start(2, transaction),
      await start(3, transaction),
    ]);
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([1, 2, 3]);
  });

  test("the library's own object is refused with what to write instead, and the client outside of a transaction too", async () => {
    await using shop = await run(open);
    const { raincheck, appRouter, orders } = shop;
    const start = (transaction: unknown) =>
      raincheck.start(appRouter.billing.invoice, { id: 1 }, { ctx, transaction: transaction as CallerTransaction });
    await orders.inTransaction(async ({ bare, insert }) => {
      await expect(start(bare)).rejects.toMatchObject({ message: expect.stringMatching(mend), cause: { _tag: "TransactionRefused" } });
      await insert({ id: 1, note: "still open" });
    });
    const refused: Partial<TransactionRefused> = {
      _tag: "TransactionRefused",
      message: expect.stringContaining("a transaction of its own"),
    };
    await expect(start(orders.outside)).rejects.toMatchObject({ cause: refused });
    expect(await shop.kept()).toEqual([1]);
    expect(await shop.calls()).toEqual([]);
  });
});
