import type { Engine } from "@raincheck/engine";
import { type CallMode, initRaincheck } from "@raincheck/server";
import { TRPCError, initTRPC } from "@trpc/server";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { z } from "zod";
import { makeReport } from "./make-report.ts";

const users = new Map([["Bearer ada-token", "ada"]]);

/** An API for clients that know nothing but HTTP. */
export function plainHttpApi(engine: Engine) {
  // #region server
  interface Context {
    readonly user: string | null;
    readonly mode?: CallMode;
  }
  const t = initTRPC.context<Context>().create();
  const raincheck = initRaincheck.context<Context>().create({
    engine,
    principal: ({ user }) => user,
    capture: ({ user }) => ({ user }),
    restore: ({ user }) => ({ user }),
  });
  const authed = t.procedure.use(({ ctx, next }) => {
    if (ctx.user === null) throw new TRPCError({ code: "UNAUTHORIZED" });
    return next();
  });
  const appRouter = raincheck.bind(
    t.router({
      report: raincheck
        .deferrable(authed.input(z.object({ year: z.number().int() })))
        .mutation(({ input, signal }) => makeReport(input.year, signal)),
      calls: raincheck.calls(authed),
    }),
  );
  const server = createHTTPServer({
    router: appRouter,
    createContext: ({ req }) => ({ ...raincheck.http(req), user: users.get(req.headers.authorization ?? "") ?? null }),
    responseMeta: raincheck.responseMeta,
  });
  // #endregion server
  return { raincheck, server };
}
