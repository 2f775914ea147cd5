import { postgresEngine } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { initTRPC } from "@trpc/server";
import { z } from "zod";
import { makeReport } from "./make-report.ts";

const t = initTRPC.create();
const raincheck = initRaincheck.context<object>().create({
  engine: postgresEngine({ url: process.env["DATABASE_URL"] }),
  principal: () => null,
});

const Year = z.object({ year: z.number() });
const Decade = z.object({ from: z.number() });
const report = raincheck.deferrable(t.procedure.input(Year)).mutation(({ input, signal }) => makeReport(input.year, signal));
const announce = raincheck.deferrable(t.procedure.input(Decade)).mutation(({ input }) => console.log(`The ${input.from}s are there.`));

// #region children
const decade = raincheck.deferrable(t.procedure.input(Decade), { deadline: "1 hour" }).mutation(async ({ input, ctx }) => {
  const years = Array.from({ length: 10 }, (_, index) => input.from + index);
  const handles = await Promise.all(years.map((year) => raincheck.start(report, { year }, { ctx })));
  const reports = await Promise.all(handles.map((handle) => handle.result()));
  return ctx.call.commit(async (tx) => {
    await tx`insert into decade (first_year, delayed) values (${input.from}, ${reports.length})`;
    await raincheck.start(announce, input, { ctx, detached: true }); // there if and when this commits
    return reports.length;
  });
});
// #endregion children

/** A router whose one procedure starts calls of the others. */
export const appRouter = raincheck.bind(t.router({ report, announce, decade, calls: raincheck.calls(t.procedure) }));
