/** Resolvers that write through the transaction of `ctx.call.commit()`, each with another library. */
import type { Engine } from "@raincheck/engine";
import type { CallerTransaction } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { initTRPC } from "@trpc/server";
import { integer, jsonb, pgTable, timestamp } from "drizzle-orm/pg-core";
import { drizzle } from "drizzle-orm/postgres-js";
import { knex } from "knex";
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import type { Sql, TransactionSql } from "postgres";
import superjson from "superjson";
import { z } from "zod";

/** The application's table. */
export const shipments = pgTable("shipment", {
  id: integer().primaryKey(),
  sentAt: timestamp("sent_at", { withTimezone: true }).notNull(),
  parcels: jsonb().$type<{ kilos: number }[]>().notNull(),
});

interface Tables {
  shipment: { id: number; sent_at: Date; parcels: unknown };
}

// #region kysely-compiler
const kysely = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});
// #endregion kysely-compiler

// #region knex-compiler
const pg = knex({ client: "pg" });
// #endregion knex-compiler

const Shipment = z.object({ id: z.number(), sentAt: z.date(), parcels: z.array(z.object({ kilos: z.number() })) });

/** The application: each procedure keeps a shipment and answers when it was sent. */
export function shipping(engine: Engine<TransactionSql, CallerTransaction>) {
  const raincheck = initRaincheck.context<object>().create({ engine, principal: () => null, transformer: superjson });
  const t = initTRPC.context<object>().create({ transformer: superjson });
  const deferrable = () => raincheck.deferrable(t.procedure.input(Shipment), { retry: { attempts: 1 } });
  const appRouter = raincheck.bind(
    t.router({
      drizzle: deferrable().mutation(({ input, ctx }) => {
        // #region commit-drizzle
        return ctx.call.commit(async (tx) => {
          const db = drizzle(tx as unknown as Sql);
          const [kept] = await db.insert(shipments).values(input).returning();
          return kept?.sentAt;
        });
        // #endregion commit-drizzle
      }),
      kysely: deferrable().mutation(({ input, ctx }) => {
        // #region commit-kysely
        return ctx.call.commit(async (tx) => {
          const row = { id: input.id, sent_at: input.sentAt, parcels: tx.json(input.parcels) };
          const { sql, parameters } = kysely.insertInto("shipment").values(row).compile();
          await tx.unsafe(sql, parameters as never[]);
          return input.sentAt;
        });
        // #endregion commit-kysely
      }),
      knex: deferrable().mutation(({ input, ctx }) => {
        // #region commit-knex
        return ctx.call.commit(async (tx) => {
          const row = { id: input.id, sent_at: input.sentAt, parcels: tx.json(input.parcels) };
          const { sql, bindings } = pg("shipment").insert(row).toSQL().toNative();
          await tx.unsafe(sql, bindings as never[]);
          return input.sentAt;
        });
        // #endregion commit-knex
      }),
      /** What postgres.js makes of a date. */
      plain: raincheck
        .deferrable(t.procedure, { retry: { attempts: 1 } })
        .query(({ ctx }) => ctx.call.commit(async (tx) => (await tx<{ now: Date }[]>`select now()`)[0]?.now instanceof Date)),
    }),
  );
  return { raincheck, appRouter };
}
