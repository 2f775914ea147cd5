import { PrismaPg } from "@prisma/adapter-pg";
import { fromPrisma } from "@raincheck/engine/postgres";
import { PrismaClient } from "./prisma-client.ts";
import { type OpenOrders, ctx } from "./shop.ts";

/** Orders through Prisma. */
export const withPrisma: OpenOrders = ({ url, schema }, { raincheck, appRouter }) => {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 2 }, { schema }) });
  return {
    async place(order) {
      // #region prisma
      await prisma.$transaction(async (tx) => {
        await tx.order.create({ data: order });
        await raincheck.start(appRouter.billing.invoice, { id: order.id }, { ctx, transaction: fromPrisma(tx) });
      });
      // #endregion prisma
    },
    inTransaction: (work) =>
      prisma.$transaction((tx) => work({ transaction: fromPrisma(tx), bare: tx, insert: (order) => tx.order.create({ data: order }) })),
    outside: fromPrisma(prisma),
    [Symbol.asyncDispose]: () => prisma.$disconnect(),
  };
};
