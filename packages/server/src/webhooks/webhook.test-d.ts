import { memoryEngine } from "@raincheck/engine/memory";
import { initTRPC } from "@trpc/server";
import superjson from "superjson";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";

import { initRaincheck } from "../index.ts";
import { verifyWebhook } from "../webhooks.ts";

const t = initTRPC.create();
const endpoint = { url: "https://example.com/", secrets: ["whsec_"] };
const raincheck = initRaincheck.context<object>().create({
  engine: memoryEngine(),
  principal: () => null,
  webhooks: { invoices: endpoint, bills: endpoint },
});
const report = raincheck.deferrable(t.procedure.input(z.number())).mutation(() => ({ at: new Date() }));
const stream = raincheck.deferrable(t.procedure).mutation(async function* () {
  yield 1;
  return "end";
});
const plain = t.procedure.query(() => 1);
const router = raincheck.bind(t.router({ flights: t.router({ report }), stream, plain, calls: raincheck.calls(t.procedure) }));
type AppRouter = typeof router;
const request = { headers: new Headers(), body: "" };

test("a webhook is named by one of create()'s names", () => {
  void raincheck.start(report, 1, { ctx: {}, webhook: "invoices" });
  void raincheck.start(report, 1, { ctx: {}, webhook: "bills", reply: { queue: "billing" } });
  // @ts-expect-error there is no such webhook
  void raincheck.start(report, 1, { ctx: {}, webhook: "invoice" });
  expectTypeOf(raincheck.webhook).parameter(0).toEqualTypeOf<"invoices" | "bills">();
});

test("without webhooks none can be named", () => {
  const none = initRaincheck.context<object>().create({ engine: memoryEngine(), principal: () => null });
  const procedure = none.deferrable(t.procedure).mutation(() => 1);
  // @ts-expect-error create() was given no webhooks
  void none.start(procedure, undefined, { ctx: {}, webhook: "invoices" });
  expectTypeOf(none.webhook).parameter(0).toBeNever();
});

test("a message has the output of its procedure, by path", () => {
  const message = verifyWebhook<AppRouter>(request, { secrets: [] });
  expectTypeOf(message.data.path).toEqualTypeOf<"flights.report" | "stream">();
  if (message.type === "call.succeeded" && !message.data.isOutputOmitted) {
    if (message.data.path === "flights.report") expectTypeOf(message.data.output).toEqualTypeOf<{ at: Date } | { at: string }>();
    else expectTypeOf(message.data.output).toEqualTypeOf<string>();
  }
  if (message.type === "call.failed") {
    expectTypeOf(message.data.failure.code).toEqualTypeOf<string>();
    // @ts-expect-error a failed call has no output
    void message.data.output;
  }
});

test("with the router's transformer the output is as it was, and without a router it is unknown", () => {
  const message = verifyWebhook<AppRouter, typeof superjson>(request, { secrets: [], transformer: superjson });
  if (message.type === "call.succeeded" && message.data.path === "flights.report" && !message.data.isOutputOmitted)
    expectTypeOf(message.data.output).toEqualTypeOf<{ at: Date }>();
  const any = verifyWebhook(request, { secrets: [] });
  if (any.type === "call.succeeded" && !any.data.isOutputOmitted) expectTypeOf(any.data.output).toBeUnknown();
});
