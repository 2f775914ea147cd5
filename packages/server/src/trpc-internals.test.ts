import { TRPCError, initTRPC, lazy } from "@trpc/server";
import superjson from "superjson";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import {
  buildProcedure,
  hasOutputParser,
  isClientErrorCode,
  isProcedure,
  isProcedureBuilder,
  isRouter,
  loadLazyRouters,
  loadedPathOf,
  parserFunction,
  pingSubscriptions,
  procedureAt,
  runProcedure,
  transformerOfBuilder,
  transformerOfRouter,
  typeOfProcedure,
} from "./trpc-internals.ts";

const t = initTRPC.create();
const inner = t.procedure.query(() => "inner");
const router = t.router({ top: t.procedure.mutation(() => "top"), nested: { inner }, slow: lazy(async () => t.router({ late: inner })) });

describe("what tRPC does not promise is still as it was", () => {
  test("routers, procedures and builders are told apart", () => {
    expect([isRouter(router), isRouter(inner), isRouter(t.procedure), isRouter(null), isRouter({})]).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
    expect([isProcedure(inner), isProcedure(router), isProcedure(t.procedure), isProcedure(() => 1)]).toEqual([true, false, false, false]);
    expect([isProcedureBuilder(t.procedure), isProcedureBuilder(inner), isProcedureBuilder(router), isProcedureBuilder(undefined)]).toEqual(
      [true, false, false, false],
    );
  });

  test("a builder tells whether it has an output parser", () => {
    expect(hasOutputParser(t.procedure.input(z.string()))).toBe(false);
    expect(hasOutputParser(t.procedure.output(z.string()).use(({ next }) => next()))).toBe(true);
  });

  test("the transformer is found, and its absence", () => {
    const withSuperjson = initTRPC.create({ transformer: superjson });
    expect(transformerOfRouter(withSuperjson.router({}))?.input).toBe(superjson);
    expect(transformerOfBuilder(withSuperjson.procedure.input(z.string()))?.output).toBe(superjson);
    expect(transformerOfRouter(router)).toBeNull();
    expect(transformerOfRouter(t.mergeRouters(router, t.router({})))).toBeNull();
    expect(transformerOfBuilder(t.procedure)).toBeNull();
  });

  test("procedures are found by their own paths only", async () => {
    expect(await procedureAt(router, "nested.inner")).toBe(inner);
    for (const path of [
      "nested",
      "",
      "constructor",
      "__proto__",
      "toString",
      "nested.constructor",
      "nested.__proto__",
      "hasOwnProperty",
      "slow",
      "slow.no",
    ]) {
      expect(await procedureAt(router, path), path).toBeNull();
    }
  });

  test("lazy routers are loaded on the way, or all at once", async () => {
    const own = t.procedure.query(() => "late");
    const twice = t.router({ outer: lazy(async () => t.router({ middle: lazy(async () => t.router({ own })) })) });
    expect(loadedPathOf(twice, own)).toBeNull();
    await loadLazyRouters(twice);
    expect(loadedPathOf(twice, own)).toBe("outer.middle.own");
    expect(await procedureAt(router, "slow.late")).toBe(inner);
  });

  test("a resolver gets the raw input, and the parser is shown", async () => {
    const parser = z.string();
    const procedure = buildProcedure(t.procedure.input(z.coerce.number()), "mutation", {
      resolver: async ({ input, getRawInput, path }) => ({ input, raw: await getRawInput(), path }),
      parser,
    });
    expect(Reflect.get(procedure._def, "output")).toBe(parser);
    expect(typeOfProcedure(procedure)).toBe("mutation");
    const answer = await runProcedure(procedure, { path: "a.b", ctx: {}, getRawInput: async () => "7", signal: undefined });
    expect(answer).toEqual({ input: 7, raw: "7", path: "a.b" });
  });

  test("symbols in the context reach the resolver through middleware that adds to it", async () => {
    const key = Symbol("key");
    const builder = t.procedure.use(({ next }) => next({ ctx: { added: 1 } }));
    const procedure = buildProcedure(builder, "query", {
      resolver: async ({ ctx }) => [Reflect.get(ctx, key), Reflect.get(ctx, "added")],
      parser: null,
    });
    expect(
      await runProcedure(procedure, { path: "a", ctx: { [key]: "here" }, getRawInput: async () => undefined, signal: undefined }),
    ).toEqual(["here", 1]);
  });

  test("what a resolver throws is wrapped, with the error as its cause", async () => {
    const thrown = new Error("boom");
    const procedure = buildProcedure(t.procedure, "query", { resolver: () => Promise.reject(thrown), parser: null });
    const error: unknown = await runProcedure(procedure, { path: "a", ctx: {}, getRawInput: async () => 1, signal: undefined }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(TRPCError);
    expect(error).toMatchObject({ name: "TRPCError", code: "INTERNAL_SERVER_ERROR", cause: thrown });
  });

  test("any parser that tRPC takes becomes a function", async () => {
    expect(await parserFunction(z.coerce.number())("7")).toBe(7);
    expect(parserFunction((value: unknown) => `${String(value)}!`)("a")).toBe("a!");
    expect(() => parserFunction({} as never)).toThrow(/validator/);
  });

  test("the codes that blame the caller are those from 400 to 499", () => {
    const all = [
      "BAD_REQUEST",
      "FORBIDDEN",
      "NOT_FOUND",
      "CONFLICT",
      "PARSE_ERROR",
      "INTERNAL_SERVER_ERROR",
      "SERVICE_UNAVAILABLE",
      "GATEWAY_TIMEOUT",
      "NO_SUCH_CODE",
      "constructor",
    ];
    expect(all.filter(isClientErrorCode)).toEqual(["BAD_REQUEST", "FORBIDDEN", "NOT_FOUND", "CONFLICT", "PARSE_ERROR"]);
  });
});

describe("pings over SSE", () => {
  const options = { intervalMs: 15_000, reconnectAfterMs: 40_000 };
  const sseOf = (sse?: NonNullable<Parameters<typeof initTRPC.create>[0]>["sse"]) => {
    const own = initTRPC.create(sse === undefined ? {} : { sse }).router({});
    pingSubscriptions(own, options);
    return own._def._config.sse;
  };

  test("are switched on where the root says nothing of them", () => {
    expect(sseOf()).toEqual({ ping: { enabled: true, intervalMs: 15_000 }, client: { reconnectAfterInactivityMs: 40_000 } });
    expect(sseOf({ maxDurationMs: 7 })).toMatchObject({ maxDurationMs: 7, ping: { enabled: true } });
  });

  test("come often enough for the time that the root gives its clients", () => {
    expect(sseOf({ client: { reconnectAfterInactivityMs: 5_000 } })).toEqual({
      ping: { enabled: true, intervalMs: 2_500 },
      client: { reconnectAfterInactivityMs: 5_000 },
    });
  });

  test("are left as the root has them", () => {
    for (const sse of [{ ping: { enabled: false } }, { ping: { enabled: true, intervalMs: 100 } }]) expect(sseOf(sse)).toEqual(sse);
  });
});
