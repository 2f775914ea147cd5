import { postgresEngine } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { runWorker } from "@raincheck/worker";
import { initTRPC } from "@trpc/server";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { z } from "zod";
import { makeReport } from "../make-report.ts";

// #region router
const t = initTRPC.create();
const raincheck = initRaincheck.context<object>().create({
  engine: postgresEngine({ url: process.env["DATABASE_URL"] }),
  principal: () => null,
});

export const appRouter = t.router({
  report: raincheck
    .deferrable(t.procedure.input(z.object({ year: z.number() })), { timeout: "10 minutes" })
    .mutation(({ input, signal }) => makeReport(input.year, signal)),
  calls: raincheck.calls(t.procedure),
});
export type AppRouter = typeof appRouter;

raincheck.bind(appRouter);
// #endregion router
// #region worker
await runWorker({ raincheck });
// #endregion worker
createHTTPServer({ router: appRouter }).listen(Number(process.env["PORT"] ?? 3000));
