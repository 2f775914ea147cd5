/** The application's procedures: ordinary tRPC, but for `raincheck.deferrable()` around those that take their time. */
import { TRPCError, initTRPC } from "@trpc/server";
import { AuditInput, auditImport } from "./flights/audit-import.ts";
import { ImportInput, importFlights } from "./flights/import-flights.ts";
import { listImports } from "./flights/list-imports.ts";
import { Report, ReportInput } from "./flights/report.ts";
import { reportFlights } from "./flights/report-flights.ts";
import { type Context, raincheck } from "./raincheck.ts";

// Stacks are for the log.
const t = initTRPC.context<Context>().create({ isDev: false });

const signedIn = t.procedure.use(({ ctx, next }) => {
  if (ctx.user === null) throw new TRPCError({ code: "UNAUTHORIZED", message: 'Send a token: "Authorization: Bearer …".' });
  return next({ ctx: { user: ctx.user } });
});

/** The whole interface of the API. */
export const appRouter = raincheck.bind(
  t.router({
    flights: t.router({
      import: raincheck.deferrable(signedIn.input(ImportInput), { timeout: "5 minutes" }).mutation(importFlights),
      report: raincheck.deferrable(signedIn.input(ReportInput), { timeout: "1 minute" }).output(Report).query(reportFlights),
      imports: signedIn.query(listImports),
      audit: signedIn.input(AuditInput).query(auditImport),
    }),
    calls: raincheck.calls(signedIn),
  }),
);

/** What clients import: the type alone. */
export type AppRouter = typeof appRouter;
