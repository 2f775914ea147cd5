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
const report = raincheck.deferrable(t.procedure.input(Year)).mutation(({ input, signal }) => makeReport(input.year, signal));

/** A router whose calls can be replied to. */
export const appRouter = raincheck.bind(t.router({ flights: t.router({ report }), calls: raincheck.calls(t.procedure) }));
/** Its type. */
export type AppRouter = typeof appRouter;

/** Starts a report, and leaves it to others to hear of its end. */
export async function startReport(): Promise<string> {
  // #region start
  const { id } = await raincheck.start(appRouter.flights.report, { year: 2026 }, { ctx: {}, reply: { queue: "billing" } });
  // #endregion start
  return id;
}

// #region replies
export const billing = raincheck.replies<AppRouter>("billing", {
  "flights.report": async (reply, { tx }) => {
    if (reply.state !== "succeeded") return; // "failed" and "expired" have a failure, "cancelled" a reason
    await tx`insert into bill (call_id, months) values (${reply.id}, ${reply.output.delayed.length})`;
  },
});
// #endregion replies

/** Delivers once more what was given up. */
export async function retryBills(): Promise<void> {
  // #region dead
  let cursor: string | undefined;
  do {
    const page = await billing.deadLetters({ cursor });
    for (const { id } of page.replies) await billing.retry(id); // once each, however often this runs
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  // #endregion dead
}
