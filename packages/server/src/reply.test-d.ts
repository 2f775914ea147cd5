import type { Engine } from "@raincheck/engine";
import type { CallId, Failure } from "@raincheck/protocol";
import { type Reply, initRaincheck } from "@raincheck/server";
import { initTRPC, lazy } from "@trpc/server";
import superjson from "superjson";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";

interface Transaction {
  query(text: string): Promise<number>;
}
declare const engine: Engine<Transaction>;

const t = initTRPC.create();
const raincheck = initRaincheck.context<object>().create({ engine, principal: () => null });
const report = raincheck.deferrable(t.procedure.input(z.number())).mutation(({ input }) => ({ rows: [input] }));
const dated = raincheck.deferrable(t.procedure).query(() => ({ at: new Date() }));
const telling = raincheck.deferrable(t.procedure).mutation(async function* () {
  yield "a";
  return { told: 1 };
});
const router = t.router({
  telling,
  flights: t.router({ report, old: { dated } }),
  slow: lazy(async () => t.router({ report })),
  plain: t.procedure.query(() => 1),
});
type AppRouter = typeof router;

test("a reply has the type of its procedure's output, by the path", () => {
  raincheck.replies<AppRouter>("billing", {
    "flights.report": async (reply, { tx, signal, attempt }) => {
      expectTypeOf(reply).toEqualTypeOf<Reply<{ rows: number[] }>>();
      if (reply.state === "succeeded") expectTypeOf(reply.output.rows).toEqualTypeOf<number[]>();
      else if (reply.state === "cancelled") expectTypeOf(reply.cancelReason).toEqualTypeOf<string | null>();
      else expectTypeOf(reply.failure).toEqualTypeOf<Failure>();
      expectTypeOf(reply.id).toEqualTypeOf<CallId>();
      expectTypeOf(reply.endedAt).toEqualTypeOf<Date>();
      expectTypeOf(tx).toEqualTypeOf<Transaction>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      expectTypeOf(attempt).toEqualTypeOf<number>();
    },
    // Without a transformer, JSON may have made a text of it.
    "flights.old.dated": (reply) => {
      if (reply.state === "succeeded") expectTypeOf(reply.output).toEqualTypeOf<{ at: Date } | { at: string }>();
    },
    // What a generator returns; what it yields is in the events of its call.
    telling: (reply) => {
      expectTypeOf(reply).toEqualTypeOf<Reply<{ told: number }>>();
    },
    "slow.report": (reply) => {
      if (reply.state === "succeeded") expectTypeOf(reply.output).toEqualTypeOf<{ rows: number[] }>();
    },
  });
});

test("with the transformer a reply has its output as it was", () => {
  const exact = initRaincheck.context<object>().create({ engine, principal: () => null, transformer: superjson });
  exact.replies<AppRouter>("billing", {
    "flights.old.dated": (reply) => {
      if (reply.state === "succeeded") expectTypeOf(reply.output).toEqualTypeOf<{ at: Date }>();
    },
  });
});

test("a path that is none of a deferrable procedure is refused", () => {
  // @ts-expect-error there is no such procedure
  raincheck.replies<AppRouter>("billing", { "flights.reprot": () => 1 });
  // @ts-expect-error it is not deferrable
  raincheck.replies<AppRouter>("billing", { plain: () => 1 });
  // @ts-expect-error only the time limit and the retries can be said
  raincheck.replies<AppRouter>("billing", {}, { queue: "other" });
});

test("where the router is not named any path goes, and the output is unknown", () => {
  raincheck.replies("billing", {
    "flights.report": (reply, { tx }) => {
      expectTypeOf(reply).toEqualTypeOf<Reply>();
      if (reply.state === "succeeded") expectTypeOf(reply.output).toEqualTypeOf<unknown>();
      expectTypeOf(tx).toEqualTypeOf<Transaction>();
    },
  });
});

test("start() takes the queue, which the wire does not", () => {
  void raincheck.start(report, 1, { ctx: {}, reply: { queue: "billing" } });
  // @ts-expect-error a queue is named
  void raincheck.start(report, 1, { ctx: {}, reply: "billing" });
  const { calls } = t.router({ calls: raincheck.calls(t.procedure) }).createCaller({});
  // @ts-expect-error who calls from outside says nothing of the server's own queues
  void calls.start({ path: "report", options: { reply: { queue: "billing" } } });
});
