import { AttemptAborted, FinalError, RetryError } from "@raincheck/protocol";
import { memoryEngine } from "@raincheck/engine/memory";
import { TRPCError, initTRPC } from "@trpc/server";
import superjson from "superjson";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { claimNext, quietly, runNext } from "../test/support/attempt-driver.ts";
import { annAsync, rejection, t, testRaincheck } from "../test/support/harness.ts";
import { unseal } from "./payload-envelope.ts";
import { initRaincheck } from "./index.ts";

const quiet = { signal: new AbortController().signal, ...quietly };

test("an input, an output and progress go through the router's transformer both ways", async () => {
  const root = initTRPC.context<{ mode?: "sync" | "async" }>().create({ transformer: superjson });
  const raincheck = initRaincheck
    .context<{ mode?: "sync" | "async" }>()
    .create({ engine: memoryEngine(), principal: () => null, transformer: superjson });
  const input = new Map([["big", 2n ** 53n + 1n]]);
  const router = raincheck.bind(
    root.router({
      a: raincheck.deferrable(root.procedure.input(z.map(z.string(), z.bigint()))).mutation((options) => {
        options.ctx.call.progress(new Set([-0]));
        return { back: options.input, at: new Date(5) };
      }),
    }),
  );
  await router.createCaller({ mode: "async" }).a(input);
  const { call, progress } = await runNext(raincheck["~raincheck"]);
  expect(superjson.parse(unseal(call.input).text)).toEqual(input);
  expect(superjson.parse(unseal(progress[0]!).text)).toEqual(new Set([-0]));
  const record = await raincheck["~raincheck"].engine.read(call.id, { principal: null });
  expect(superjson.parse(unseal(record!.output!).text)).toEqual({ back: input, at: new Date(5) });
});

describe("an attempt that cannot be run ends the call", () => {
  test("when this worker has no such procedure", async () => {
    const one = testRaincheck();
    const router = one.raincheck.bind(t.router({ gone: one.raincheck.deferrable(t.procedure).mutation(() => 1) }));
    await router.createCaller(annAsync).gone();
    const call = await claimNext(one.runtime);
    for (const path of ["other", "constructor", "__proto__", "plain"]) {
      const other = testRaincheck();
      other.raincheck.bind(t.router({ plain: t.procedure.query(() => 1) }));
      expect(await other.runtime.policyAt(path)).toBeNull();
      const error = await rejection(other.runtime.invoke({ ...call, path }, quiet));
      expect(other.runtime.describe(error)).toMatchObject({
        final: true,
        hidden: false,
        failure: { code: "UNKNOWN_PROCEDURE", message: `This worker has no deferrable procedure on path "${path}".` },
      });
    }
  });

  test("when its input does not decode", async () => {
    const { raincheck, runtime } = testRaincheck();
    const router = raincheck.bind(t.router({ a: raincheck.deferrable(t.procedure).mutation(() => 1) }));
    await router.createCaller(annAsync).a();
    const call = await claimNext(runtime);
    const error = await rejection(runtime.invoke({ ...call, input: "{" }, quiet));
    expect(runtime.describe(error)).toMatchObject({ final: true, failure: { code: "INPUT_NOT_READABLE" } });
  });

  test.each([
    ["input", { input: `~2j{}` }],
    ["context", { context: `~2j{}` }],
  ])("when its %s was stored by a later release, and says so by a tag", async (_, stored) => {
    const { raincheck, runtime } = testRaincheck();
    const router = raincheck.bind(t.router({ a: raincheck.deferrable(t.procedure).mutation(() => 1) }));
    await router.createCaller(annAsync).a();
    const call = await claimNext(runtime);
    const error = await rejection(runtime.invoke({ ...call, ...stored }, quiet));
    expect(error).toMatchObject({ _tag: "PayloadUnreadable", code: "LATER_VERSION" });
    expect(runtime.describe(error)).toMatchObject({
      final: true,
      failure: { code: "INPUT_NOT_READABLE", message: expect.stringContaining("version 2, of a later release") },
    });
  });

  test("when its context was stored by a transformer, or by nobody", async () => {
    const { raincheck, runtime } = testRaincheck();
    const router = raincheck.bind(t.router({ a: raincheck.deferrable(t.procedure).mutation(() => 1) }));
    await router.createCaller(annAsync).a();
    const call = await claimNext(runtime);
    for (const context of ["~1t{}", "{", "~x"]) {
      const error = await rejection(runtime.invoke({ ...call, context }, quiet));
      expect(runtime.describe(error)).toMatchObject({ final: true, failure: { code: "INPUT_NOT_READABLE" } });
    }
  });

  test.each<[string, () => never, object]>([
    [
      "for a reason of its own",
      () => thrower(new Error("secret")),
      { final: true, hidden: true, failure: { code: "CONTEXT_REFUSED", errorId: expect.any(String) as string } },
    ],
    [
      "with a FinalError",
      () => thrower(new FinalError("Account closed.")),
      { final: true, hidden: false, failure: { code: "CONTEXT_REFUSED", message: "Account closed." } },
    ],
    [
      "with a client error",
      () => thrower(new TRPCError({ code: "FORBIDDEN", message: "No." })),
      { final: true, failure: { code: "CONTEXT_REFUSED", message: "No." } },
    ],
    ["for now", () => thrower(new RetryError({ after: "1 second" })), { final: false, retryAfterMs: 1_000 }],
    ["with null", () => null as never, { final: true, hidden: true, failure: { code: "CONTEXT_REFUSED" } }],
  ])("when restore refuses %s", async (_, restore, expected) => {
    const raincheck = initRaincheck
      .context<{ user: string | null; mode?: "sync" | "async" | undefined }>()
      .create({ engine: memoryEngine(), principal: () => null, restore });
    const runtime = raincheck["~raincheck"];
    let ran = false;
    const router = raincheck.bind(
      t.router({
        a: raincheck.deferrable(t.procedure).mutation(() => {
          ran = true;
        }),
      }),
    );
    await router.createCaller(annAsync).a();
    const error = await rejection(runtime.invoke(await claimNext(runtime), quiet));
    const described = runtime.describe(error);
    expect(described).toMatchObject(expected);
    expect(JSON.stringify(described.failure)).not.toContain("secret");
    expect(ran).toBe(false);
  });

  test("when what it returns cannot be kept, or is too large", async () => {
    const { raincheck, runtime } = testRaincheck();
    const outputs: unknown[] = [{ rows: new Map() }, "x".repeat(100)];
    const router = raincheck.bind(
      t.router({ a: raincheck.deferrable(t.procedure, { maxOutputBytes: 100 }).mutation(() => outputs.shift()) }),
    );
    await router.createCaller(annAsync).a();
    await router.createCaller(annAsync).a();
    const failures = [await runNext(runtime), await runNext(runtime)].map(({ error }) => runtime.describe(error));
    expect(failures).toMatchObject([
      {
        final: true,
        hidden: false,
        failure: { code: "OUTPUT_NOT_STORABLE", message: expect.stringContaining("it.rows is a Map") as string },
      },
      {
        final: true,
        hidden: false,
        failure: { code: "OUTPUT_TOO_LARGE", message: "The output cannot be kept: it has 102 bytes, and 100 are allowed." },
      },
    ]);
  });

  test("when the output of a commit cannot be kept, and then nothing was committed", async () => {
    const { raincheck, runtime } = testRaincheck();
    const router = raincheck.bind(
      t.router({ a: raincheck.deferrable(t.procedure).mutation(({ ctx }) => ctx.call.commit(() => new Set())) }),
    );
    await router.createCaller(annAsync).a();
    const { error, call } = await runNext(runtime);
    expect(runtime.describe(error)).toMatchObject({ final: true, failure: { code: "OUTPUT_NOT_STORABLE" } });
    expect(await runtime.engine.read(call.id, { principal: "ann" })).toMatchObject({ state: "failed", output: null });
  });
});

test("the attempt's signal is the resolver's, with its reason", async () => {
  const { raincheck, runtime } = testRaincheck();
  const stop = new AbortController();
  const router = raincheck.bind(
    t.router({
      a: raincheck.deferrable(t.procedure).mutation(({ signal }) => {
        stop.abort(new AttemptAborted("cancelled"));
        signal?.throwIfAborted();
      }),
    }),
  );
  await router.createCaller(annAsync).a();
  const { error } = await runNext(runtime, { signal: stop.signal });
  expect(runtime.describe(error).thrown).toMatchObject({ _tag: "AttemptAborted", reason: "cancelled" });
  await router.createCaller(annAsync).a();
  // An attempt that must stop before it began does not begin.
  expect(await rejection(runtime.invoke(await claimNext(runtime), { signal: stop.signal, ...quietly }))).toBe(stop.signal.reason);
});

test("capture and restore may be left out", async () => {
  interface Loose {
    user?: string;
    mode?: "sync" | "async";
  }
  const root = initTRPC.context<Loose>().create();
  const raincheck = initRaincheck.context<Loose>().create({ engine: memoryEngine(), principal: (ctx) => ctx.user ?? null });
  const contexts: unknown[] = [];
  const router = raincheck.bind(
    root.router({
      a: raincheck
        .deferrable(root.procedure)
        .mutation(({ ctx }) => contexts.push({ ...Object.fromEntries(Object.entries(ctx)), call: ctx.call.mode })),
    }),
  );
  await router.createCaller({ user: "ann", mode: "async" }).a();
  const { call } = await runNext(raincheck["~raincheck"]);
  expect(call.context).toBe("~1jnull");
  expect(contexts).toEqual([{ mode: "sync", call: "async" }]);
});

test("what capture returns must come back as it was", async () => {
  const raincheck = initRaincheck.context<{ user: string | null; mode?: "sync" | "async" | undefined }>().create({
    engine: memoryEngine(),
    principal: () => null,
    capture: () => ({ token: new Date() }),
    restore: () => ({ user: null }),
  });
  const router = raincheck.bind(t.router({ a: raincheck.deferrable(t.procedure).mutation(() => 1) }));
  expect(await rejection(router.createCaller(annAsync).a())).toMatchObject({
    code: "INTERNAL_SERVER_ERROR",
    message: "What capture() returned cannot be kept.",
    cause: { message: expect.stringContaining("it.token is a Date") as string },
  });
});

function thrower(error: unknown): never {
  throw error;
}
