import type { TransactionSql } from "postgres";
import postgres from "postgres";
import { type OpenOrders, type Order, ctx } from "./shop.ts";

/** Orders through postgres.js. */
export const withPostgresJs: OpenOrders = ({ url }, { raincheck, appRouter }) => {
  const sql = postgres(url, { max: 2, transform: postgres.pascal });
  const insert = (tx: TransactionSql, { id, note }: Order) => tx`insert into purchase (id, note) values (${id}, ${note})`;
  return {
    async place(order) {
      // #region postgres-js
      await sql.begin(async (tx) => {
        await tx`insert into purchase (id, note) values (${order.id}, ${order.note})`;
        await raincheck.start(appRouter.billing.invoice, { id: order.id }, { ctx, transaction: tx });
      });
      // #endregion postgres-js
    },
    inTransaction: async (work) => {
      const done = await sql.begin(
        async (tx) => [await work({ transaction: tx, bare: sql, insert: (order) => insert(tx, order) })] as const,
      );
      return done[0];
    },
    outside: { executeSql: async (text, values) => ({ rows: await sql.unsafe(text, values as never[]) }) },
    [Symbol.asyncDispose]: () => sql.end(),
  };
};
