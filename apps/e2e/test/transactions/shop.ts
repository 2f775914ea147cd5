/** An application that bills its orders by a call, and what its database access must offer for the tests, whatever library it uses. */
import type { Engine } from "@raincheck/engine";
import type { CallerTransaction } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { initTRPC } from "@trpc/server";
import type { TransactionSql } from "postgres";
import superjson from "superjson";
import { z } from "zod";

/** A row of the application's own table, `purchase`. */
export interface Order {
  readonly id: number;
  readonly note: string;
}

interface Context {
  readonly user: string;
}

/** The application's raincheck and router. */
export function billing(engine: Engine<TransactionSql, CallerTransaction>) {
  const raincheck = initRaincheck.context<Context>().create({
    engine,
    principal: ({ user }) => user,
    capture: ({ user }) => ({ user }),
    restore: ({ user }) => ({ user }),
    transformer: superjson,
  });
  const t = initTRPC.context<Context>().create({ transformer: superjson });
  const appRouter = raincheck.bind(
    t.router({
      billing: t.router({
        /** Answers with what it was given. */
        invoice: raincheck.deferrable(t.procedure.input(z.custom<{ id: number; about?: unknown }>())).mutation(({ input }) => input),
        /** One at a time. */
        collect: raincheck
          .deferrable(t.procedure.input(z.object({ id: z.number() })), { concurrency: 1 })
          .mutation(({ input }) => input.id),
      }),
    }),
  );
  return { raincheck, appRouter };
}

/** See {@link billing}. */
export type Billing = ReturnType<typeof billing>;

/** What a test does in a transaction of the application. */
export interface OpenTransaction {
  /** As `raincheck.start()` takes it. */
  readonly transaction: CallerTransaction;
  /** The library's own transaction, without its adapter. */
  readonly bare: unknown;
  insert(order: Order): Promise<unknown>;
}

/** The application's access to its orders through one library. Disposing closes its connections. */
export interface Orders extends AsyncDisposable {
  /** What the document shows: an order and the call that bills it, in one commit. */
  place(order: Order): Promise<void>;
  inTransaction<TValue>(work: (open: OpenTransaction) => Promise<TValue>): Promise<TValue>;
  /** The library's client, in no transaction, where a transaction belongs. */
  readonly outside: CallerTransaction;
}

/** Opens the application's access to its orders, whose schema the url names as its `search_path`. */
export type OpenOrders = (at: { readonly url: string; readonly schema: string }, billing: Billing) => Orders;

/** Who places the orders. */
export const ctx = { user: "ada" };

/** A connection string of the same database, with another schema for names without one. */
export function withSearchPath(url: string, schema: string): string {
  return `${url}?options=${encodeURIComponent(`-c search_path=${schema}`)}`;
}
