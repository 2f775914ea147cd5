import { type AdaptedTransaction, type CallerTransaction, fromDrizzle, fromKnex, fromKysely, fromPrisma } from "@raincheck/engine/postgres";
import { sql as drizzleSql } from "drizzle-orm";
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { Knex } from "knex";
import type { Kysely } from "kysely";
import type { Client } from "pg";
import type { Sql, TransactionSql } from "postgres";
import { describe, expectTypeOf, test } from "vitest";
import type { PrismaTransactionClient } from "./prisma-client.ts";
import { type Billing, ctx } from "./shop.ts";
import type { Tables } from "./with-kysely.ts";

declare const shop: Billing;
declare const postgresJs: { tx: TransactionSql; sql: Sql };
declare const drizzle: Parameters<Parameters<PostgresJsDatabase["transaction"]>[0]>[0];
declare const drizzleOverNodePg: Parameters<Parameters<NodePgDatabase["transaction"]>[0]>[0];
declare const kysely: Kysely<Tables>;
declare const knex: Knex.Transaction;
declare const prisma: PrismaTransactionClient;
declare const client: Client;

const start = (transaction: CallerTransaction) => shop.raincheck.start(shop.appRouter.billing.invoice, { id: 1 }, { ctx, transaction });

describe("the transaction of raincheck.start()", () => {
  test("may be postgres.js's own, or another library's behind its adapter", () => {
    void start(postgresJs.tx);
    void start(fromDrizzle(drizzle, drizzleSql));
    void start(fromDrizzle(drizzleOverNodePg, drizzleSql));
    void start(fromKysely(kysely));
    void start(fromKnex(knex));
    void start(fromPrisma(prisma));
    void start({ executeSql: (text, values) => client.query(text, values) });
  });

  test("may be none without its adapter, and no client that begins one", () => {
    // @ts-expect-error -- postgres.js outside of a transaction
    void start(postgresJs.sql);
    // @ts-expect-error -- without fromDrizzle
    void start(drizzle);
    // @ts-expect-error -- without fromKysely
    void start(kysely);
    // @ts-expect-error -- without fromKnex
    void start(knex);
    // @ts-expect-error -- without fromPrisma
    void start(prisma);
    // @ts-expect-error -- a connection
    void start(client);
  });

  test("is displayed by one name", () => {
    type Options = Parameters<typeof shop.raincheck.start>[2];
    expectTypeOf<Options["transaction"]>().toEqualTypeOf<TransactionSql | AdaptedTransaction | undefined>();
    expectTypeOf(fromKnex).returns.toEqualTypeOf<AdaptedTransaction>();
  });
});
