import { fromDrizzle } from "@raincheck/engine/postgres";
import { sql } from "drizzle-orm";
import { type NodePgDatabase, drizzle as overNodePg } from "drizzle-orm/node-postgres";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { type PostgresJsDatabase, drizzle as overPostgresJs } from "drizzle-orm/postgres-js";
import { Pool } from "pg";
import postgres from "postgres";
import { type Billing, type OpenOrders, type Orders, ctx } from "./shop.ts";

/** The application's table, as Drizzle knows it. */
export const orders = pgTable("purchase", { id: integer().primaryKey(), note: text().notNull() });

function access(db: PostgresJsDatabase | NodePgDatabase, { raincheck, appRouter }: Billing, close: () => Promise<void>): Orders {
  return {
    async place(order) {
      // #region drizzle
      await db.transaction(async (tx) => {
        await tx.insert(orders).values(order);
        await raincheck.start(appRouter.billing.invoice, { id: order.id }, { ctx, transaction: fromDrizzle(tx, sql) });
      });
      // #endregion drizzle
    },
    inTransaction: (work) =>
      db.transaction((tx) =>
        work({ transaction: fromDrizzle(tx, sql), bare: tx, insert: (order) => tx.insert(orders).values(order).execute() }),
      ),
    outside: fromDrizzle(db, sql),
    [Symbol.asyncDispose]: close,
  };
}

/** Orders through Drizzle over postgres.js. */
export const withDrizzle: OpenOrders = ({ url }, billing) => {
  const client = postgres(url, { max: 2 });
  return access(overPostgresJs(client), billing, () => client.end());
};

/** Orders through Drizzle over node-postgres. */
export const withDrizzleOverNodePg: OpenOrders = ({ url }, billing) => {
  const pool = new Pool({ connectionString: url, max: 2 });
  return access(overNodePg(pool), billing, () => pool.end());
};
