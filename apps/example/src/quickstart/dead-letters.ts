import { postgresEngine } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { initTRPC } from "@trpc/server";
import { z } from "zod";
import { makeReport } from "./make-report.ts";

const t = initTRPC.create();
const raincheck = initRaincheck.context<object>().create({
  engine: postgresEngine({ url: process.env["DATABASE_URL"] }),
  principal: () => "reports",
});

const Year = z.object({ year: z.number() });
const report = raincheck.deferrable(t.procedure.input(Year)).mutation(({ input, signal }) => makeReport(input.year, signal));

/** A router with the `calls` procedures, `retry` and `replay` among them. */
export const appRouter = raincheck.bind(t.router({ report, calls: raincheck.calls(t.procedure) }));

/** Retries the reports that failed, a page of them. */
export async function retryReports() {
  // #region retry
  const calls = appRouter.createCaller({}).calls; // from a browser: trpc.calls
  const dead = await calls.list({ path: "report", state: "failed" });
  for (const { id } of dead.calls) await calls.retry({ id }); // one new call of each, however often this runs

  // On the server, with a typed handle:
  const again = await raincheck.replay(report, dead.calls[0]!.id, { ctx: {} });
  const { delayed } = await again.result();
  // #endregion retry
  return delayed;
}
