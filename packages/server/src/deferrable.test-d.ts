import { type CallHandle, type CallContext, type DeferrableMutation, type OnlyDeferrable, initRaincheck } from "@raincheck/server";
import type { Engine } from "@raincheck/engine";
import type { DeferrableBrand } from "@raincheck/protocol";
import { type TRPCClient, createTRPCClient } from "@trpc/client";
import { type AnyTRPCProcedure, type inferRouterInputs, type inferRouterOutputs, initTRPC, lazy } from "@trpc/server";
import superjson from "superjson";
import { describe, expectTypeOf, test } from "vitest";
import { z } from "zod";

interface User {
  id: string;
}
interface Context {
  user: User | null;
  mode?: "sync" | "async";
}
interface Transaction {
  query(text: string): Promise<number>;
}
declare const engine: Engine<Transaction>;

const raincheck = initRaincheck.context<Context>().create({
  engine,
  principal: (ctx) => ctx.user?.id ?? null,
  capture: (ctx) => ({ userId: ctx.user?.id ?? null }),
  restore: async ({ userId }, call) => {
    expectTypeOf(userId).toEqualTypeOf<string | null>();
    expectTypeOf(call.attempt).toEqualTypeOf<number>();
    return { user: userId === null ? null : { id: userId } };
  },
});

const t = initTRPC.context<Context>().meta<{ title?: string }>().create();
const authed = t.procedure.use(({ ctx, next }) => next({ ctx: { user: ctx.user!, tenant: "acme" } }));

const report = raincheck
  .deferrable(authed.input(z.object({ days: z.coerce.number<string>() })))
  .mutation(({ ctx, input, signal, path }) => {
    expectTypeOf(ctx.user).toEqualTypeOf<User>();
    expectTypeOf(ctx.tenant).toEqualTypeOf<string>();
    expectTypeOf(ctx.call.id).toEqualTypeOf<string | null>();
    expectTypeOf(ctx.call.mode).toEqualTypeOf<"sync" | "async">();
    expectTypeOf(ctx.call.deadline).toEqualTypeOf<Date | null>();
    expectTypeOf(input).toEqualTypeOf<{ days: number }>();
    expectTypeOf(signal).toEqualTypeOf<AbortSignal | undefined>();
    expectTypeOf(path).toEqualTypeOf<string>();
    return { rows: [1], at: new Date() };
  });

const committing = raincheck.deferrable(t.procedure).mutation(({ ctx }) =>
  ctx.call.commit(async (tx) => {
    expectTypeOf(tx).toEqualTypeOf<Transaction>();
    return { inserted: await tx.query("insert") };
  }),
);

const parsed = raincheck
  .deferrable(t.procedure, { timeout: "2 minutes" })
  .output(z.object({ total: z.string().transform(Number) }))
  .query(({ ctx }) => {
    expectTypeOf(ctx.call).toEqualTypeOf<CallContext<Transaction, { total: string }>>();
    return ctx.call.commit(() => ({ total: "1" }));
  });

const telling = raincheck.deferrable(t.procedure).mutation(async function* ({ ctx }) {
  const word: string = ctx.call.mode;
  yield word;
  return ctx.call.commit(async (tx) => {
    expectTypeOf(tx).toEqualTypeOf<Transaction>();
    return { told: await tx.query("insert") };
  });
});

const parsedTelling = raincheck
  .deferrable(t.procedure)
  .output((value: unknown) => value as AsyncIterable<string, { told: number }, undefined>)
  .query(async function* ({ ctx }) {
    expectTypeOf(ctx.call).toEqualTypeOf<CallContext<Transaction, { told: number }>>();
    yield "a";
    return ctx.call.commit(() => ({ told: 1 }));
  });

const inner = t.router({ report, plain: t.procedure.query(() => 1) });
const appRouter = raincheck.bind(
  t.mergeRouters(
    t.router({
      flights: inner,
      parsed,
      committing,
      telling,
      parsedTelling,
      slow: lazy(() => Promise.resolve(inner)),
      calls: raincheck.calls(authed),
    }),
    t.router({ merged: report }),
  ),
);
type AppRouter = typeof appRouter;
type Inputs = inferRouterInputs<AppRouter>;
type Outputs = inferRouterOutputs<AppRouter>;
type Procedures = AppRouter["_def"]["record"];

describe("a deferrable procedure, to the rest of tRPC", () => {
  test("has the input and output of any other", () => {
    expectTypeOf<Inputs["flights"]["report"]>().toEqualTypeOf<{ days: string }>();
    expectTypeOf<Outputs["flights"]["report"]>().toEqualTypeOf<{ rows: number[]; at: string }>();
    expectTypeOf<Outputs["committing"]>().toEqualTypeOf<{ inserted: number }>();
    expectTypeOf<Outputs["parsed"]>().toEqualTypeOf<{ total: number }>();
    expectTypeOf<Inputs["parsed"]>().toEqualTypeOf<void>();
  });

  test("is a query or a mutation to a plain client", () => {
    const client = createTRPCClient<AppRouter>({ links: [] });
    expectTypeOf(client.flights.report.mutate).parameter(0).toEqualTypeOf<{ days: string }>();
    expectTypeOf(client.parsed.query).returns.resolves.toEqualTypeOf<{ total: number }>();
    // @ts-expect-error -- it was built as a mutation
    void client.flights.report.query;
  });

  test("is called by a caller as before", () => {
    const caller = appRouter.createCaller({ user: null });
    expectTypeOf(caller.flights.report).returns.resolves.toEqualTypeOf<{ rows: number[]; at: Date }>();
  });

  test("reads as what it is in an editor", () => {
    expectTypeOf(report).toEqualTypeOf<
      DeferrableMutation<{
        input: { days: string };
        output: { rows: number[]; at: Date };
        meta: { title?: string };
        errorShape: AppRouter["_def"]["_config"]["$types"]["errorShape"];
      }>
    >();
  });
});

describe("the brand", () => {
  test("survives router(), merged and lazy routers and bind()", () => {
    expectTypeOf<Procedures["flights"]["report"]>().toExtend<DeferrableBrand>();
    expectTypeOf<Procedures["merged"]>().toExtend<DeferrableBrand>();
    expectTypeOf<Procedures["slow"]["report"]>().toExtend<DeferrableBrand>();
    expectTypeOf<Procedures["parsed"]>().toExtend<DeferrableBrand>();
    expectTypeOf<Procedures["parsed"]>().toExtend<AnyTRPCProcedure>();
  });

  test("is on nothing else", () => {
    expectTypeOf<Procedures["flights"]["plain"]>().not.toExtend<DeferrableBrand>();
    expectTypeOf<Procedures["calls"]["start"]>().not.toExtend<DeferrableBrand>();
  });

  test("can be read back from a client's type", () => {
    type RouterOf<TClient> = TClient extends TRPCClient<infer TRouter> ? TRouter : never;
    expectTypeOf<RouterOf<TRPCClient<AppRouter>>["_def"]["record"]["flights"]["report"]>().toExtend<DeferrableBrand>();
  });
});

describe("deferrable() refuses", () => {
  test("a builder that has an output parser already", () => {
    // @ts-expect-error -- .output() comes after deferrable()
    raincheck.deferrable(t.procedure.output(z.string()));
  });

  test("a builder of another context", () => {
    const other = initTRPC.context<{ tenant: number }>().create();
    // @ts-expect-error -- its middleware could not run with the restored context
    raincheck.deferrable(other.procedure);
  });

  test("what is no policy", () => {
    // @ts-expect-error -- a duration has a unit
    raincheck.deferrable(t.procedure, { timeout: 5 });
    // @ts-expect-error -- an unknown option
    raincheck.deferrable(t.procedure, { timeot: "5 minutes" });
  });

  test("a resolver, or a commit, whose value the output parser does not take", () => {
    const withOutput = raincheck.deferrable(t.procedure).output(z.object({ total: z.string() }));
    // @ts-expect-error -- total is a number
    withOutput.mutation(() => ({ total: 1 }));
    withOutput.mutation(({ ctx }) =>
      // @ts-expect-error -- total is a number
      ctx.call.commit(() => ({ total: 1 })),
    );
    // @ts-expect-error -- one output parser is enough
    void withOutput.output;
  });
});

describe("calls()", () => {
  test("refuses a builder with an input, which the procedures have of their own", () => {
    // @ts-expect-error -- .input() was called
    raincheck.calls(t.procedure.input(z.string()));
  });

  test("types what a client sends and gets", () => {
    expectTypeOf<Inputs["calls"]["start"]>().toExtend<{ path: string }>();
    expectTypeOf<Outputs["calls"]["cancel"]["cancelled"]>().toEqualTypeOf<boolean>();
    const client = createTRPCClient<AppRouter>({ links: [] });
    client.calls.watch.subscribe(
      { calls: [{ id: "" }] },
      {
        onData: ({ id, data }) => {
          expectTypeOf(id).toEqualTypeOf<string>();
          if ("event" in data) expectTypeOf(data.event.seq).toEqualTypeOf<number>();
        },
      },
    );
    void client.calls.list.query();
  });
});

describe("start()", () => {
  test("takes the input of the procedure and gives its output", async () => {
    const handle = await raincheck.start(appRouter.committing, undefined, { ctx: { user: null } });
    expectTypeOf(handle).toEqualTypeOf<CallHandle<{ inserted: number }>>();
    expectTypeOf(handle.result).returns.resolves.toEqualTypeOf<{ inserted: number }>();
    // @ts-expect-error -- days is a string
    await raincheck.start(appRouter.flights.report, { days: 1 }, { ctx: { user: null } });
    // @ts-expect-error -- the context is not optional
    await raincheck.start(appRouter.committing, undefined, {});
    // @ts-expect-error -- not deferrable
    await raincheck.start(appRouter.flights.plain, undefined, { ctx: { user: null } });
  });

  test("gives what a generator yields as events, and what it returns as the output", async () => {
    const handle = await raincheck.start(appRouter.telling, undefined, { ctx: { user: null } });
    expectTypeOf(handle).toEqualTypeOf<CallHandle<{ told: number }, string>>();
    expectTypeOf(handle.result).returns.resolves.toEqualTypeOf<{ told: number }>();
    for await (const event of handle.events()) if (event.type === "yielded") expectTypeOf(event.value).toEqualTypeOf<string>();
    const parsedHandle = await raincheck.start(appRouter.parsedTelling, undefined, { ctx: { user: null } });
    expectTypeOf(parsedHandle).toEqualTypeOf<CallHandle<{ told: number }, string>>();
    const other = await raincheck.start(appRouter.committing, undefined, { ctx: { user: null } });
    for await (const event of other.events()) {
      // @ts-expect-error -- a procedure that returns has nothing to yield
      if (event.type === "yielded") void event;
    }
  });

  test("gives the same of a retry, and of a replay", async () => {
    const { id } = await raincheck.start(appRouter.telling, undefined, { ctx: { user: null } });
    const retried = await raincheck.retry(appRouter.telling, id, { ctx: { user: null } });
    expectTypeOf(retried).toEqualTypeOf<CallHandle<{ told: number }, string>>();
    const replayed = await raincheck.replay(appRouter.telling, id, { ctx: { user: null } });
    expectTypeOf(replayed).toEqualTypeOf<CallHandle<{ told: number }, string>>();
  });

  test("takes a generator whose output parser takes what it yields", () => {
    const strings = raincheck.deferrable(t.procedure).output((value: unknown) => value as AsyncIterable<string>);
    // @ts-expect-error -- a number is yielded
    strings.query(async function* () {
      yield 1;
    });
  });

  test("streams to a plain client as tRPC does", async () => {
    const client = createTRPCClient<AppRouter>({ links: [] });
    expectTypeOf(client.telling.mutate).returns.resolves.toExtend<AsyncIterable<string, { told: number }>>();
    const caller = appRouter.createCaller({ user: null });
    for await (const value of await caller.telling()) expectTypeOf(value).toEqualTypeOf<string>();
  });

  test("names the reason when it is given what is not deferrable", () => {
    const reason = "This procedure is not deferrable. Build it with raincheck.deferrable(builder).";
    expectTypeOf<OnlyDeferrable<typeof appRouter.flights.plain>>().toEqualTypeOf<typeof reason>();
    expectTypeOf<OnlyDeferrable<typeof appRouter.flights.report>>().toBeUnknown();
    type Given = Parameters<typeof raincheck.start<typeof appRouter.flights.plain>>[0];
    expectTypeOf<Given>().toEqualTypeOf<typeof appRouter.flights.plain & typeof reason>();
  });

  test("takes the engine's transaction and no other", async () => {
    await raincheck.start(appRouter.committing, undefined, { ctx: { user: null }, transaction: {} as Transaction });
    // @ts-expect-error -- not a transaction of this engine
    await raincheck.start(appRouter.committing, undefined, { ctx: { user: null }, transaction: "tx" });
  });

  test("says that JSON may have changed the output, unless it was told the transformer", async () => {
    const handle = await raincheck.start(appRouter.flights.report, { days: "1" }, { ctx: { user: null } });
    expectTypeOf((await handle.result()).at).toEqualTypeOf<Date | string>();

    const told = initRaincheck
      .context<Context>()
      .create({ engine, principal: () => null, restore: () => ({ user: null }), transformer: superjson });
    const withSuperjson = initTRPC.context<Context>().create({ transformer: superjson });
    const dated = told.deferrable(withSuperjson.procedure).query(() => ({ at: new Date() }));
    told.bind(withSuperjson.router({ dated }));
    const exact = await told.start(dated, undefined, { ctx: { user: null } });
    expectTypeOf(exact.result).returns.resolves.toEqualTypeOf<{ at: Date }>();
    for await (const event of exact.events()) if (event.type === "succeeded") expectTypeOf(event.output).toEqualTypeOf<{ at: Date }>();
  });
});

describe("create()", () => {
  test("wants an engine and a principal", () => {
    // @ts-expect-error -- principal is missing
    initRaincheck.context<Context>().create({ engine });
    // @ts-expect-error -- a number is no principal
    initRaincheck.context<Context>().create({ engine, principal: () => 7 });
    // @ts-expect-error -- an attempt would find no user where the context has one: restore must give it
    initRaincheck.context<Context>().create({ engine, principal: () => null });
    initRaincheck.context<{ user?: User }>().create({ engine, principal: () => null });
    // @ts-expect-error -- restore must give a context
    initRaincheck.context<Context>().create({ engine, principal: () => null, restore: () => ({ user: "ann" }) });
  });

  test("takes the type of createContext for the context, as tRPC does", () => {
    const createContext = async (): Promise<Context> => ({ user: null });
    const fromFunction = initRaincheck
      .context<typeof createContext>()
      .create({ engine, principal: (ctx) => ctx.user?.id ?? null, restore: () => ({ user: null }) });
    fromFunction.deferrable(initTRPC.context<typeof createContext>().create().procedure).query(({ ctx }) => {
      expectTypeOf(ctx.user).toEqualTypeOf<User | null>();
    });
  });

  test("http() can be spread into the context", () => {
    const context: Context = { ...raincheck.http(new Request("http://localhost")), user: null };
    expectTypeOf(context).toEqualTypeOf<Context>();
  });
});
