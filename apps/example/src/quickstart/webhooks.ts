import { type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { postgresEngine } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { verifyWebhook } from "@raincheck/server/webhooks";
import { initTRPC } from "@trpc/server";
import { z } from "zod";
import { makeReport } from "./make-report.ts";

const t = initTRPC.create();
/** A raincheck with one webhook. */
export function createRaincheck(secret: string) {
  // #region create
  const raincheck = initRaincheck.context<object>().create({
    engine: postgresEngine({ url: process.env["DATABASE_URL"] }),
    principal: () => null,
    webhooks: {
      invoices: { url: "https://billing.example.com/hooks", secrets: [secret] }, // "whsec_…"
    },
  });
  // #endregion create
  return raincheck;
}

const raincheck = createRaincheck(`whsec_${Buffer.alloc(32, 1).toString("base64")}`);
const Year = z.object({ year: z.number() });
const report = raincheck.deferrable(t.procedure.input(Year)).mutation(({ input, signal }) => makeReport(input.year, signal));

/** A router whose calls can be told of. */
export const appRouter = raincheck.bind(t.router({ flights: t.router({ report }), calls: raincheck.calls(t.procedure) }));
/** Its type. */
export type AppRouter = typeof appRouter;

/** Starts a report whose end is posted. */
export async function startReport(): Promise<string> {
  // #region start
  const { id } = await raincheck.start(appRouter.flights.report, { year: 2026 }, { ctx: {}, webhook: "invoices" });
  // #endregion start
  return id;
}

/** The receiver's side, in another process, and of another company. */
export async function receive(request: IncomingMessage, response: ServerResponse, secret: string): Promise<void> {
  // #region receive
  const message = verifyWebhook<AppRouter>({ headers: request.headers, body: await buffer(request) }, { secrets: [secret] });
  if (message.type === "call.succeeded" && !message.data.isOutputOmitted)
    console.log(message.data.id, message.data.output.delayed.length, "months");
  response.writeHead(204).end();
  // #endregion receive
}

/** Posts again what was given up, and one that its receiver has lost. */
export async function postAgain(): Promise<void> {
  // #region again
  const invoices = raincheck.webhook("invoices");
  const { messages } = await invoices.messages({ state: "failed" });
  for (const { id } of messages) await invoices.retry(id);
  // #endregion again
}
