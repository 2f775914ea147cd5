import { fromKysely } from "@raincheck/engine/postgres";
import { CamelCasePlugin, Kysely, PostgresDialect } from "kysely";
import { Pool } from "pg";
import { type OpenOrders, type Order, ctx } from "./shop.ts";

/** The application's tables, as Kysely knows them. */
export interface Tables {
  purchase: Order;
}

/** Orders through Kysely. */
export const withKysely: OpenOrders = ({ url }, { raincheck, appRouter }) => {
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: new Pool({ connectionString: url, max: 2 }) }),
    plugins: [new CamelCasePlugin()],
  });
  return {
    async place(order) {
      // #region kysely
      await db.transaction().execute(async (trx) => {
        await trx.insertInto("purchase").values(order).execute();
        await raincheck.start(appRouter.billing.invoice, { id: order.id }, { ctx, transaction: fromKysely(trx) });
      });
      // #endregion kysely
    },
    inTransaction: (work) =>
      db
        .transaction()
        .execute((trx) =>
          work({ transaction: fromKysely(trx), bare: trx, insert: (order) => trx.insertInto("purchase").values(order).execute() }),
        ),
    outside: fromKysely(db),
    [Symbol.asyncDispose]: () => db.destroy(),
  };
};
