import { type IncomingMessage, type ServerResponse } from "node:http";
import { postgresEngine } from "@raincheck/engine/postgres";
import { hasTag, initRaincheck } from "@raincheck/server";
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
  try {
    const message = verifyWebhook<AppRouter>({ headers: request.headers, body: await readBody(request, 2_000_000) }, { secrets: [secret] });
    if (message.type === "call.succeeded" && !message.data.isOutputOmitted)
      console.log(message.data.id, message.data.output.delayed.length, "months");
    response.writeHead(204).end();
  } catch (error) {
    response.writeHead(hasTag(error, "WebhookRefused") ? 400 : 500).end();
  }
  // #endregion receive
}

/** Reads a request, as far as it is no longer than it may be. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error("The message is too long.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The same where requests are those of fetch: Hono, Next.js, Bun. */
export async function receiveFetch(request: Request, secret: string): Promise<Response> {
  // #region fetch
  try {
    const message = verifyWebhook<AppRouter>({ headers: request.headers, body: await request.text() }, { secrets: [secret] });
    console.log(message.type, message.data.id);
    return new Response(null, { status: 204 });
  } catch (error) {
    return new Response(null, { status: hasTag(error, "WebhookRefused") ? 400 : 500 });
  }
  // #endregion fetch
}

/** Posts again what was given up, and one that its receiver has lost. */
export async function postAgain(): Promise<void> {
  // #region again
  const invoices = raincheck.webhook("invoices");
  let cursor: string | undefined;
  do {
    const page = await invoices.messages({ state: "failed", cursor });
    for (const { id } of page.messages) await invoices.retry(id); // once each, however often this runs
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  // #endregion again
}
