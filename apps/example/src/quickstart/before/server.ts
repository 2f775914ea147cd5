import { initTRPC } from "@trpc/server";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { z } from "zod";
import { makeReport } from "../make-report.ts";

const t = initTRPC.create();

export const appRouter = t.router({
  report: t.procedure.input(z.object({ year: z.number() })).mutation(({ input, signal }) => makeReport(input.year, signal)),
});
export type AppRouter = typeof appRouter;

createHTTPServer({ router: appRouter }).listen(Number(process.env["PORT"] ?? 3000));
