import { postgresEngine } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import type { CallMode } from "@raincheck/server";
import { initTRPC } from "@trpc/server";

interface Context {
  readonly mode?: CallMode;
}

export const engine = postgresEngine({ url: process.env["DATABASE_URL"] });
export const raincheck = initRaincheck.context<Context>().create({ engine, principal: () => "bench" });

const t = initTRPC.context<Context>().create();

/** The same procedure for all peers. */
export const appRouter = raincheck.bind(
  t.router({
    /** As tRPC has it, without Raincheck. */
    plain: t.procedure.mutation(() => "done"),
    noop: raincheck.deferrable(t.procedure).mutation(() => "done"),
    calls: raincheck.calls(t.procedure),
  }),
);

export type AppRouter = typeof appRouter;
