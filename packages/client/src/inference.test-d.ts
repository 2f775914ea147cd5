import type { CallEvent, CallSnapshot } from "@raincheck/protocol";
import { type TRPCClient, createTRPCClient } from "@trpc/client";
import { describe, expectTypeOf, it } from "vitest";
import type { Report, bareRouter, plainRouter, richRouter } from "../test/typed-routers.ts";
import { type DeferClient, type FirstOf, type Handle, createDeferClient, deferLink } from "./index.ts";

declare const plainTrpc: TRPCClient<typeof plainRouter>;
declare const richTrpc: TRPCClient<typeof richRouter>;

describe("the procedures on a defer client", () => {
  const defer = createDeferClient(plainTrpc);

  it("are the deferrable ones, in nested, merged and lazy routers", () => {
    expectTypeOf<keyof typeof defer>().toEqualTypeOf<"flights" | "slow" | "merged">();
    expectTypeOf<keyof typeof defer.flights>().toEqualTypeOf<"report" | "count" | "tell" | "deep">();
    expectTypeOf<keyof typeof defer.flights.deep>().toEqualTypeOf<"rebuild">();
    expectTypeOf<keyof typeof defer.slow>().toEqualTypeOf<"export">();
  });

  it("are none where there is none", () => {
    expectTypeOf<keyof DeferClient<typeof bareRouter>>().toEqualTypeOf<never>();
  });

  it("are no others", () => {
    // @ts-expect-error a plain procedure next to deferrable ones
    void defer.flights.list;
    // @ts-expect-error a plain procedure at the top
    void defer.ping;
    // @ts-expect-error a router that holds none
    void defer.onlyPlain;
    // @ts-expect-error nothing of that name
    void defer.flights.nothing;
  });

  it("are the same whether the client is typed or made", () => {
    const made = createTRPCClient<typeof plainRouter>({ links: [deferLink()] });
    expectTypeOf(createDeferClient(made)).toEqualTypeOf(defer);
    expectTypeOf(defer).toEqualTypeOf<DeferClient<typeof plainRouter>>();
  });
});

describe("a deferrable procedure", () => {
  const { flights, slow, merged } = createDeferClient(plainTrpc);

  it("takes the input that the plain client takes", () => {
    expectTypeOf(flights.report).parameter(0).toEqualTypeOf<Parameters<typeof plainTrpc.flights.report.mutate>[0]>();
    void flights.report({ year: 2001 });
    void slow.export({ to: "a" }, { idempotencyKey: "k", delay: "1 second", startBy: "1 hour", deadline: "2 days", priority: 1 });
    void merged(1, { signal: undefined });
    // @ts-expect-error the year is a number
    void flights.report({ year: "2001" });
    // @ts-expect-error there is no such field
    void flights.report({ year: 2001, month: 1 });
    // @ts-expect-error it needs an input
    void flights.report();
    // @ts-expect-error a duration has a unit
    void flights.report({ year: 2001 }, { delay: "1" });
    // @ts-expect-error no such option
    void flights.report({ year: 2001 }, { retries: 1 });
  });

  it("takes none where there is none", () => {
    void flights.count();
    void flights.count(undefined, { priority: 1 });
    void flights.count.within("2 seconds");
    // @ts-expect-error it has no input
    void flights.count(1);
  });

  it("answers with a handle of the output, as JSON leaves it", async () => {
    const handle = await flights.report({ year: 2001 });
    expectTypeOf(handle).toEqualTypeOf<Handle<{ total: number; at: string }, { done: number; at: string }>>();
    expectTypeOf(handle.result()).resolves.toEqualTypeOf<Awaited<ReturnType<typeof plainTrpc.flights.report.mutate>>>();
    expectTypeOf(handle.get()).resolves.toEqualTypeOf<CallSnapshot<{ total: number; at: string }, { done: number; at: string }>>();
    expectTypeOf(handle.cancel).parameters.toEqualTypeOf<[reason?: string | undefined]>();
    expectTypeOf(handle.cancel()).resolves.toEqualTypeOf<boolean>();
    for await (const event of handle.events({ after: 1 })) {
      expectTypeOf(event).toEqualTypeOf<CallEvent<{ total: number; at: string }, { done: number; at: string }, never>>();
      if (event.type === "progress") expectTypeOf(event.value.done).toEqualTypeOf<number>();
      if (event.type === "succeeded") expectTypeOf(event.output.at).toEqualTypeOf<string>();
    }
  });

  it("answers with a handle of what a generator yields and returns", async () => {
    const handle = await flights.tell({ year: 2001 });
    expectTypeOf(handle).toEqualTypeOf<Handle<{ total: number; at: string }, unknown, "a" | { at: string }>>();
    expectTypeOf(handle.result()).resolves.toEqualTypeOf<{ total: number; at: string }>();
    for await (const event of handle.events()) {
      if (event.type === "yielded") expectTypeOf(event.value).toEqualTypeOf<string | { at: string }>();
      if (event.type === "succeeded") expectTypeOf(event.output.at).toEqualTypeOf<string>();
    }
    const rich = await createDeferClient(richTrpc).flights.tell({ year: 2001 });
    expectTypeOf(rich).toEqualTypeOf<Handle<Report, unknown, Date>>();
    const report = await flights.report({ year: 2001 });
    for await (const event of report.events()) {
      // @ts-expect-error a procedure that returns has nothing to yield
      if (event.type === "yielded") void event;
    }
    // @ts-expect-error what it tells is not dropped unseen
    const silent: Handle<{ total: number; at: string }> = handle;
    void silent;
  });

  it("answers with a handle of the output itself, with a transformer", async () => {
    const handle = await createDeferClient(richTrpc).flights.report({ year: 2001 });
    const output = await handle.result();
    expectTypeOf(output).toEqualTypeOf<Awaited<ReturnType<typeof richTrpc.flights.report.mutate>>>();
    expectTypeOf(output.at).toEqualTypeOf<Date>();
    expectTypeOf(output.id).toEqualTypeOf<bigint>();
    for await (const event of handle.events()) if (event.type === "progress") expectTypeOf(event.value.at).toEqualTypeOf<Date>();
  });

  it("tells by one field which came first", async () => {
    const first = await slow.export.within("2 seconds", { to: "a" });
    expectTypeOf(first).toEqualTypeOf<FirstOf<string, number>>();
    if (first.done) expectTypeOf(first.output).toEqualTypeOf<string>();
    else expectTypeOf(first.handle).toEqualTypeOf<Handle<string, number>>();
    // @ts-expect-error the wait comes first
    void slow.export.within({ to: "a" });
    // @ts-expect-error a wait has a unit
    void slow.export.within("2", { to: "a" });
  });

  it("attaches an id, a handle or its JSON", () => {
    const handle = slow.export.attach("id");
    expectTypeOf(handle).toEqualTypeOf<Handle<string, number>>();
    expectTypeOf(slow.export.attach(handle)).toEqualTypeOf(handle);
    expectTypeOf(slow.export.attach(handle.toJSON())).toEqualTypeOf(handle);
    // @ts-expect-error an id is a string
    slow.export.attach(7);
  });
});

describe("a call site behind deferLink", () => {
  it("keeps its types", () => {
    const trpc = createTRPCClient<typeof richRouter>({ links: [deferLink({ calls: "calls" })] });
    const output = trpc.flights.report.mutate({ year: 2001 }, { context: { mode: "async" } });
    expectTypeOf(output).resolves.toEqualTypeOf<Awaited<ReturnType<typeof richTrpc.flights.report.mutate>>>();
  });
});
