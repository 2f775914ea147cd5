import { fromKnex } from "@raincheck/engine/postgres";
import { knex as openKnex } from "knex";
import { type OpenOrders, ctx } from "./shop.ts";

/** Orders through Knex. */
export const withKnex: OpenOrders = ({ url }, { raincheck, appRouter }) => {
  const knex = openKnex({ client: "pg", connection: url, pool: { min: 0, max: 2 } });
  return {
    async place(order) {
      // #region knex
      await knex.transaction(async (trx) => {
        await trx("purchase").insert(order);
        await raincheck.start(appRouter.billing.invoice, { id: order.id }, { ctx, transaction: fromKnex(trx) });
      });
      // #endregion knex
    },
    inTransaction: (work) =>
      knex.transaction((trx) => work({ transaction: fromKnex(trx), bare: trx, insert: async (order) => trx("purchase").insert(order) })),
    outside: fromKnex(knex),
    [Symbol.asyncDispose]: () => knex.destroy(),
  };
};
