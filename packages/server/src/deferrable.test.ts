import { limits } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { ann, annAsync, authed, rejection, t, testRaincheck, unknownId } from "../test/support/harness.ts";
import { hasOutputParser } from "./trpc-internals.ts";

describe("in sync mode", () => {
  test("a procedure answers as if it had not been wrapped", async () => {
    const { raincheck, engine } = testRaincheck();
    const seen: unknown[] = [];
    const procedure = raincheck.deferrable(authed.input(z.coerce.number<string>())).query(({ ctx, input, path, signal, batchIndex }) => {
      seen.push({ user: ctx.user, input, path, signal, batchIndex, call: { ...ctx.call, progress: null, commit: null } });
      return input + 1;
    });
    const { signal } = new AbortController();
    const caller = raincheck.bind(t.router({ a: { procedure } })).createCaller(ann, { signal });
    expect(await caller.a.procedure("1")).toBe(2);
    const call = { mode: "sync", id: null, attempt: 1, deadline: null, progress: null, commit: null };
    expect(seen).toEqual([{ user: "ann", input: 1, path: "a.procedure", signal, batchIndex: 0, call }]);
    expect(await engine.list({ principal: "ann" }, { path: null, state: null, cursor: null, limit: 10 })).toEqual({
      calls: [],
      nextCursor: null,
    });
  });

  test("it needs no bound router", async () => {
    const { raincheck } = testRaincheck();
    const router = t.router({ a: raincheck.deferrable(t.procedure).mutation(({ ctx }) => ctx.call.progress({ done: 1 }) ?? "done") });
    expect(await router.createCaller(ann).a()).toBe("done");
  });

  test("errors, the output parser's too, are those of tRPC", async () => {
    const { raincheck } = testRaincheck();
    const thrown = new Error("boom");
    const parser = z.object({ total: z.string().transform(Number) });
    const plain = {
      throws: t.procedure.query(() => Promise.reject(thrown)),
      misses: t.procedure.output(parser).query(() => ({}) as { total: string }),
    };
    const wrapped = {
      throws: raincheck.deferrable(t.procedure).query(() => Promise.reject(thrown)),
      misses: raincheck
        .deferrable(t.procedure)
        .output(parser)
        .query(() => ({}) as { total: string }),
    };
    const caller = t.router({ plain, wrapped }).createCaller(ann);
    for (const name of ["throws", "misses"] as const) {
      const [one, other] = [await rejection(caller.plain[name]()), await rejection(caller.wrapped[name]())];
      expect(other).toEqual(one);
      expect(other).toBeInstanceOf(TRPCError);
      expect((other as TRPCError).message).toBe((one as TRPCError).message);
      expect((other as TRPCError).code).toBe((one as TRPCError).code);
    }
  });

  test("the output parser is run once, and is there for tools that read procedures", async () => {
    const { raincheck } = testRaincheck();
    let parsed = 0;
    const parser = z.string().transform((text) => `${text}${++parsed}`);
    const procedure = raincheck
      .deferrable(t.procedure)
      .output(parser)
      .query(() => "parsed");
    expect(await t.router({ procedure }).createCaller(ann).procedure()).toBe("parsed1");
    expect(hasOutputParser(procedure)).toBe(true);
  });

  test("an application without a context has procedures all the same", async () => {
    const { raincheck } = testRaincheck();
    const procedure = raincheck.deferrable(t.procedure).query(({ ctx }) => Object.keys(ctx));
    const router = raincheck.bind(t.router({ procedure, calls: raincheck.calls(t.procedure) }));
    const caller = router.createCaller(undefined as never);
    expect(await caller.procedure()).toEqual(["call"]);
    expect(await rejection(caller.calls.get({ id: unknownId }))).toMatchObject({
      message: expect.stringContaining("gave undefined") as string,
    });
  });

  test("a context that is an instance of a class stays one", async () => {
    const { raincheck } = testRaincheck();
    class Session {
      user = "ann";
      get greeting(): string {
        return `hello ${this.user}`;
      }
    }
    const procedure = raincheck.deferrable(t.procedure).query(({ ctx }) => (ctx as unknown as Session).greeting);
    expect(await t.router({ procedure }).createCaller(Object.freeze(new Session())).procedure()).toBe("hello ann");
  });

  test("progress is checked and goes nowhere; commit is a plain transaction", async () => {
    const { raincheck } = testRaincheck();
    const procedure = raincheck
      .deferrable(t.procedure)
      .output(z.string().transform((text) => text.toUpperCase()))
      .mutation(async ({ ctx }) => {
        expect(() => ctx.call.progress({ big: 1n })).toThrow(/it\.big is a BigInt/);
        expect(() => ctx.call.progress("x".repeat(limits.progressBytes))).toThrow(/16386 bytes, and 16384 are allowed/);
        const value = await ctx.call.commit((tx) => `in ${tx}`);
        await expect(ctx.call.commit(() => "again")).rejects.toThrow(/twice/);
        return value;
      });
    expect(await t.router({ procedure }).createCaller(ann).procedure()).toBe("IN TX");
  });

  test("a commit that failed may be tried again; a refused output takes the writes back", async () => {
    const ends: string[] = [];
    const { raincheck } = testRaincheck({
      async transaction(work) {
        try {
          const value = await work("tx");
          ends.push("commit");
          return value;
        } catch (error) {
          ends.push("rollback");
          throw error;
        }
      },
    });
    const procedure = raincheck
      .deferrable(t.procedure)
      .output(z.string().max(3))
      .mutation(async ({ ctx }) => {
        await expect(ctx.call.commit(() => Promise.reject(new Error("deadlock")))).rejects.toThrow("deadlock");
        await expect(ctx.call.commit(() => "too long")).rejects.toMatchObject({ message: "Output validation failed" });
        return ctx.call.commit(() => "ok");
      });
    expect(await t.router({ procedure }).createCaller(ann).procedure()).toBe("ok");
    expect(ends).toEqual(["rollback", "rollback", "commit"]);
  });
});

describe("in async mode", () => {
  test("everything before the resolver runs, then the call is accepted", async () => {
    const { raincheck, engine } = testRaincheck();
    const ran: string[] = [];
    const procedure = raincheck
      .deferrable(
        authed
          .use(({ next }) => {
            ran.push("middleware");
            return next();
          })
          .input(z.object({ days: z.coerce.number<string>() })),
        { queue: "reports", priority: 5, startBy: "1 minute", deadline: "1 hour" },
      )
      .output(z.string())
      .mutation(() => {
        ran.push("resolver");
        return "done";
      });
    const router = raincheck.bind(t.router({ flights: { report: procedure } }));
    const answer: unknown = await router.createCaller(annAsync).flights.report({ days: "7" });
    expect(answer).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      path: "flights.report",
      state: "queued",
      created: true,
    });
    expect(ran).toEqual(["middleware"]);

    const [call] = await engine.claim({ worker: "test", queues: ["reports"], limit: 1, leaseMs: 1_000 });
    // The raw input: the worker validates again.
    expect(call).toMatchObject({ path: "flights.report", principal: "ann", input: '~1j{"days":"7"}', context: '~1j{"user":"ann"}' });
    expect(call!.deadlineInMs).toBeGreaterThan(3_599_000);
  });

  test("what the middleware or the validation refuses is never stored", async () => {
    const { raincheck, engine } = testRaincheck();
    const router = raincheck.bind(t.router({ a: raincheck.deferrable(authed.input(z.number())).mutation(() => 1) }));
    expect(await rejection(router.createCaller({ user: null, mode: "async" }).a(1))).toMatchObject({ code: "UNAUTHORIZED" });
    expect(await rejection(router.createCaller(annAsync).a("one" as never))).toMatchObject({ code: "BAD_REQUEST" });
    expect(await engine.claim({ worker: "test", queues: ["default"], limit: 1, leaseMs: 1_000 })).toEqual([]);
  });

  test.each([
    ["FormData", new FormData()],
    ["File", new File([], "a.txt")],
    ["Blob", new Blob([])],
    ["ReadableStream", new ReadableStream()],
  ])("a %s as the input is refused with the mend", async (kind, input) => {
    const { raincheck } = testRaincheck();
    const router = raincheck.bind(t.router({ a: raincheck.deferrable(t.procedure.input((value: unknown) => value)).mutation(() => 1) }));
    expect(await rejection(router.createCaller(annAsync).a(input))).toMatchObject({
      code: "BAD_REQUEST",
      message: `The procedure "a" was called in async mode with a ${kind} as its input, which cannot be kept. Store it first, and pass its name or address instead.`,
    });
  });

  test("an input that cannot be kept, or is too large, is refused by name", async () => {
    const { raincheck } = testRaincheck();
    const router = raincheck.bind(
      t.router({
        a: raincheck
          .deferrable(
            t.procedure.input((value: unknown) => value),
            { maxInputBytes: 10 },
          )
          .mutation(() => 1),
      }),
    );
    const caller = router.createCaller(annAsync);
    expect(await rejection(caller.a({ file: new Blob([]) }))).toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining("it.file is a Blob") as string,
    });
    expect(await rejection(caller.a("x".repeat(9)))).toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
      message: "The input cannot be kept: it has 11 bytes, and 10 are allowed.",
    });
    expect(await caller.a("x".repeat(8))).toMatchObject({ state: "queued" });
  });

  test("the policy's mode is kept", async () => {
    const { raincheck } = testRaincheck();
    const router = raincheck.bind(
      t.router({
        never: raincheck.deferrable(t.procedure, { mode: "forbidden" }).query(() => "sync"),
        always: raincheck.deferrable(t.procedure, { mode: "required" }).query(() => "async"),
      }),
    );
    expect(await router.createCaller(ann).never()).toBe("sync");
    expect(await rejection(router.createCaller(annAsync).never())).toMatchObject({
      code: "BAD_REQUEST",
      message: 'The procedure "never" must not be called in async mode: its policy says so.',
    });
    // A header says what a client would rather have, and no more.
    const preferring = { ...ann, ...raincheck.http({ headers: { prefer: "respond-async" } }) };
    expect(await router.createCaller(preferring).never()).toBe("sync");
    expect(await router.createCaller(annAsync).always()).toMatchObject({ created: true });
    expect(await rejection(router.createCaller(ann).always())).toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining("only be called in async mode") as string,
    });
  });

  test("without a bound router the error says what to do", async () => {
    const { raincheck } = testRaincheck();
    const router = t.router({ a: raincheck.deferrable(t.procedure).mutation(() => 1) });
    expect(await rejection(router.createCaller(annAsync).a())).toMatchObject({
      message: expect.stringContaining("Call raincheck.bind(appRouter)") as string,
    });
  });

  test.each([
    ["a number", 7, "gave number, not a string or null"],
    ["undefined", undefined, "gave undefined"],
    ["a promise", Promise.resolve("ann"), "gave a promise"],
    ["an empty string", "", "null means anonymous"],
    ["too long a string", "x".repeat(513), "513 characters, and 512 are allowed"],
    ["U+0000", "a\0", "U+0000"],
    ["half a surrogate pair", "\ud800", "half a surrogate pair"],
  ])("a principal that is %s is refused", async (_, user, sentence) => {
    const { raincheck } = testRaincheck();
    const router = raincheck.bind(t.router({ a: raincheck.deferrable(t.procedure).mutation(() => 1) }));
    expect(await rejection(router.createCaller({ user: user as string, mode: "async" }).a())).toMatchObject({
      code: "INTERNAL_SERVER_ERROR",
      message: expect.stringContaining(sentence) as string,
    });
  });
});

describe("deferrable() refuses where it is written", () => {
  test.each([
    [
      "no builder",
      (raincheck: ReturnType<typeof testRaincheck>["raincheck"]) => raincheck.deferrable({} as never),
      /Invalid builder: an object; expected a tRPC procedure builder/,
    ],
    [
      "a builder with an output parser",
      (raincheck: ReturnType<typeof testRaincheck>["raincheck"]) => raincheck.deferrable(t.procedure.output(z.string()) as never),
      /a builder without \.output\(\)/,
    ],
    [
      "a bad policy",
      (raincheck: ReturnType<typeof testRaincheck>["raincheck"]) => raincheck.deferrable(t.procedure, { timeout: "soon" as never }),
      /Invalid timeout: "soon"/,
    ],
    [
      "no resolver",
      (raincheck: ReturnType<typeof testRaincheck>["raincheck"]) => raincheck.deferrable(t.procedure).query(undefined as never),
      /Invalid resolver/,
    ],
  ])("%s", (_, act, message) => {
    expect(() => act(testRaincheck().raincheck)).toThrow(message);
  });
});
