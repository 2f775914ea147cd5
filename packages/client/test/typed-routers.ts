/** Routers for the type tests: with and without a transformer, nested, merged and lazy. Nothing here is ever called. */
import type { DeferrableBrand } from "@raincheck/protocol";
import { initTRPC, lazy } from "@trpc/server";
import superjson from "superjson";
import { z } from "zod";

/** What `raincheck.deferrable()` does to a procedure's type. */
function deferrable<TProgress>() {
  return <TProcedure>(procedure: TProcedure) => procedure as TProcedure & DeferrableBrand<TProgress>;
}

/** Has what JSON has not. */
export interface Report {
  id: bigint;
  at: Date;
  rows: { origin: string; delays: Map<string, number> }[];
  note?: string | undefined;
}

declare const report: Report;

const plain = initTRPC.create();
const ReportInput = z.object({ year: z.number(), from: z.coerce.date().optional() });

const flightsRouter = plain.router({
  report: deferrable<{ done: number; at: Date }>()(plain.procedure.input(ReportInput).mutation(() => ({ total: 1, at: new Date() }))),
  count: deferrable<unknown>()(plain.procedure.query(() => 1)),
  tell: deferrable<unknown>()(
    plain.procedure.input(ReportInput).mutation(async function* () {
      yield "a";
      yield { at: new Date() };
      return { total: 1, at: new Date() };
    }),
  ),
  list: plain.procedure.query(() => [1]),
  deep: plain.router({ rebuild: deferrable<string>()(plain.procedure.input(z.string()).mutation(() => undefined)) }),
});

const slowRouter = plain.router({
  export: deferrable<number>()(plain.procedure.input(z.object({ to: z.string() })).mutation(() => "url")),
});

/** No transformer. */
export const plainRouter = plain.mergeRouters(
  plain.router({ flights: flightsRouter, slow: lazy(() => Promise.resolve(slowRouter)) }),
  plain.router({
    merged: deferrable<unknown>()(plain.procedure.input(z.number()).query(({ input }) => [input])),
    onlyPlain: plain.router({ ping: plain.procedure.query(() => "pong"), events: plain.procedure.subscription(async function* () {}) }),
    ping: plain.procedure.query(() => "pong"),
  }),
);

const rich = initTRPC.context<{ user: string }>().meta<{ title: string }>().create({ transformer: superjson });

/** With superjson, a context, meta and an error formatter's default shape. */
export const richRouter = rich.router({
  flights: rich.router({
    report: deferrable<{ done: number; at: Date }>()(rich.procedure.input(ReportInput).mutation(() => report)),
    tell: deferrable<unknown>()(
      rich.procedure.input(ReportInput).mutation(async function* () {
        yield new Date();
        return report;
      }),
    ),
    list: rich.procedure.query(() => [1]),
  }),
});

/** Nothing to defer. */
export const bareRouter = plain.router({ ping: plain.procedure.query(() => "pong") });
