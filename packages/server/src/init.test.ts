import { memoryEngine } from "@raincheck/engine/memory";
import { initTRPC } from "@trpc/server";
import superjson from "superjson";
import { describe, expect, test, vi } from "vitest";

import { runNext } from "../test/support/attempt-driver.ts";
import { annAsync, rejection, t, testRaincheck, unknownId } from "../test/support/harness.ts";
import { initRaincheck } from "./index.ts";

describe("create() refuses", () => {
  const good = { engine: memoryEngine(), principal: () => null };
  test.each<[string, unknown, string]>([
    ["nothing", undefined, "Invalid options: undefined"],
    [
      "no engine",
      { ...good, engine: undefined },
      "Invalid engine: undefined; expected an engine, such as postgresEngine() or memoryEngine().",
    ],
    ["half an engine", { ...good, engine: { accept() {} } }, "Invalid engine"],
    [
      "no principal",
      { ...good, principal: "ann" },
      'Invalid principal: "ann"; expected a function of the context that gives a string, or null for anonymous.',
    ],
    ["a capture that is none", { ...good, capture: {} }, "Invalid capture: an object; expected a function."],
    ["a restore that is none", { ...good, restore: 1 }, "Invalid restore"],
    ["a log that is none", { ...good, log: console }, "Invalid log"],
    ["a transformer that is none", { ...good, transformer: "superjson" }, "Invalid transformer"],
    ["a typo", { ...good, captre: () => 1 }, "Unknown option captre. Did you mean capture?"],
  ])("%s", (_, options, message) => {
    expect(() => initRaincheck.context<{ user?: string }>().create(options as typeof good)).toThrow(message);
  });
});

describe("bind()", () => {
  test("returns the same router, and only once", () => {
    const { raincheck } = testRaincheck();
    const router = t.router({});
    expect(raincheck.bind(router)).toBe(router);
    expect(() => raincheck.bind(router)).toThrow("raincheck.bind() was called twice with the same router.");
    expect(() => raincheck.bind(t.router({}))).toThrow(
      "raincheck.bind() was called with a second router. Bind the root router once; it holds the others.",
    );
  });

  test("takes a router and nothing else", () => {
    expect(() => testRaincheck().raincheck.bind({} as never)).toThrow("Invalid router: an object; expected the application's root router");
  });

  test("checks the transformer that create() was told", () => {
    const told = (transformer: typeof superjson) =>
      initRaincheck.context<object>().create({ engine: memoryEngine(), principal: () => null, transformer });
    const router = initTRPC.create({ transformer: superjson }).router({});
    expect(told(superjson).bind(router)).toBe(router);
    expect(() => told(superjson).bind(initTRPC.create().router({}))).toThrow(/the same transformer/);
    expect(() => told(new superjson() as never as typeof superjson).bind(router)).toThrow(/the same transformer/);
  });
});

describe("an unbound raincheck", () => {
  test("says what to do, whoever asks", async () => {
    const { raincheck, runtime } = testRaincheck();
    const procedure = raincheck.deferrable(t.procedure).query(() => 1);
    const caller = t.router({ calls: raincheck.calls(t.procedure) }).createCaller(annAsync);
    const message = expect.stringContaining("Call raincheck.bind(appRouter) where the root router is built") as string;
    expect(await rejection(raincheck.start(procedure, undefined, { ctx: annAsync }))).toMatchObject({ message });
    expect(await rejection(caller.calls.start({ path: "a" }))).toMatchObject({ message });
    expect(await rejection(caller.calls.watch({ calls: [{ id: unknownId }] }))).toMatchObject({ message });
    expect(await rejection(runtime.policyAt("a"))).toMatchObject({ message });
  });
});

describe("the runtime", () => {
  test("tells the policy of a path, and null for anything else", async () => {
    const { raincheck, runtime } = testRaincheck();
    raincheck.bind(
      t.router({ a: raincheck.deferrable(t.procedure, { timeout: "2 seconds" }).query(() => 1), plain: t.procedure.query(() => 1) }),
    );
    expect(await runtime.policyAt("a")).toMatchObject({ timeoutMs: 2_000, retry: { attempts: 3 } });
    for (const path of ["plain", "b", "__proto__", "constructor"]) expect(await runtime.policyAt(path)).toBeNull();
  });
});

describe("calls()", () => {
  test("takes a procedure builder and nothing else", () => {
    expect(() => testRaincheck().raincheck.calls({} as never)).toThrow("Invalid builder: an object; expected a tRPC procedure builder");
  });
});

describe("the log", () => {
  test("is the console by default, in one line", async () => {
    const warn = vi.spyOn(console, "warn").mockReturnValue();
    const raincheck = initRaincheck
      .context<typeof annAsync>()
      .create({ engine: memoryEngine(), principal: () => null, restore: () => ({ user: null }) });
    const router = raincheck.bind(
      t.router({
        "a\nb": raincheck.deferrable(t.procedure).mutation(async ({ ctx }) => {
          await ctx.call.commit(() => 1);
          return 2;
        }),
      }),
    );
    await router.createCaller(annAsync)["a\nb"]();
    const { call } = await runNext(raincheck["~raincheck"]);
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining(`[raincheck] "a\\nb" (call ${call.id}, attempt 1): the resolver returned something else`)],
    ]);
  });

  test("that throws breaks nothing", async () => {
    const raincheck = initRaincheck.context<typeof annAsync>().create({
      engine: memoryEngine(),
      principal: () => null,
      restore: () => ({ user: null }),
      log: () => {
        throw new Error("disk full");
      },
    });
    const router = raincheck.bind(
      t.router({
        a: raincheck.deferrable(t.procedure).mutation(async ({ ctx }) => {
          await ctx.call.commit(() => 1);
          return 2;
        }),
      }),
    );
    await router.createCaller(annAsync).a();
    expect(await runNext(raincheck["~raincheck"])).toMatchObject({ settled: "settled", error: undefined });
  });
});
