import { limits } from "@raincheck/protocol";
import { lazy } from "@trpc/server";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { runNext, serve } from "../test/support/attempt-driver.ts";
import { untilIdle } from "../test/support/held.ts";
import { ann, annAsync, authed, bob, rejection, t, testRaincheck } from "../test/support/harness.ts";

function app(overrides: Parameters<typeof testRaincheck>[0] = {}) {
  const harness = testRaincheck(overrides);
  const { raincheck } = harness;
  const double = raincheck.deferrable(authed.input(z.number())).mutation(({ ctx, input }) => {
    ctx.call.progress(input);
    if (input < 0) throw new Error("secret");
    return input * 2;
  });
  const late = raincheck.deferrable(t.procedure).query(() => "late");
  const router = raincheck.bind(
    t.router({ nested: { double }, plain: t.procedure.query(() => 1), slow: lazy(async () => t.router({ late })) }),
  );
  return { ...harness, router, double, late };
}

test("a handle gives the output, the events, and the call as it is", async () => {
  const { raincheck, runtime, router, engine } = app();
  const handle = await raincheck.start(router.nested.double, 4, { ctx: ann });
  expect(JSON.parse(JSON.stringify(handle))).toEqual({ id: handle.id, path: "nested.double" });
  expect(handle.created).toBe(true);
  expect(await handle.get()).toMatchObject({ state: "queued" });
  await using _ = serve(runtime);
  expect(await handle.result()).toBe(8);
  const events: string[] = [];
  for await (const event of handle.events()) events.push(event.type);
  expect(events).toEqual(["queued", "started", "progress", "succeeded"]);
  const behind: number[] = [];
  for await (const event of handle.events({ after: 2 })) behind.push(event.seq);
  expect(behind).toEqual([3, 4]);
  expect(await handle.get()).toMatchObject({ state: "succeeded", output: 8 });
  expect(await handle.cancel()).toBe(false);
  expect(engine.subscribed()).toBe(0);
});

test("events() refuses a cursor that is none, or that the call has not come to, and does not deny the call", async () => {
  const asked: unknown[] = [];
  const inner = testRaincheck();
  const { raincheck, router } = app({
    ...inner.engine,
    events: async (...given) => (asked.push(given[1]), await inner.engine.events(...given)),
  });
  const handle = await raincheck.start(router.nested.double, 4, { ctx: ann });
  for (const after of [-1, 1.5, Number.NaN, "x", null, 2 ** 60]) {
    expect(await rejection(handle.events({ after: after as number }).next())).toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringMatching(/^Invalid after: .*; expected a whole number/) as string,
      cause: { _tag: "InvalidOption" },
    });
  }
  expect(asked).toEqual([]);
  expect(await rejection(handle.events({ after: 7 }).next())).toMatchObject({
    code: "BAD_REQUEST",
    message: expect.stringContaining("Invalid after: 7; expected the seq of an event of this call") as string,
  });
  expect(await handle.events({ after: 0 }).next()).toMatchObject({ value: { type: "queued" } });
});

test("result() throws how the call ended", async () => {
  const { raincheck, runtime, router } = app();
  const failing = await raincheck.start(router.nested.double, -1, { ctx: ann });
  await runNext(runtime);
  const failed = await rejection(failing.result());
  expect(failed).toMatchObject({ _tag: "CallFailed", code: "INTERNAL_SERVER_ERROR", call: { id: failing.id, path: "nested.double" } });
  expect((failed as Error).message).not.toContain("secret");

  const cancelled = await raincheck.start(router.nested.double, 1, { ctx: ann });
  const waiting = cancelled.result();
  expect(await cancelled.cancel("no longer needed")).toBe(true);
  expect(await rejection(waiting)).toMatchObject({ _tag: "CallCancelled", reason: "no longer needed" });

  const expired = await raincheck.start(router.nested.double, 1, { ctx: ann, startBy: "1 milli" });
  expect(await rejection(expired.result())).toMatchObject({ _tag: "CallExpired", code: "START_BY_PASSED" });
});

test("a signal stops the waiting, not the call", async () => {
  const { raincheck, router, engine } = app();
  const handle = await raincheck.start(router.nested.double, 1, { ctx: ann });
  // In a later turn the call is read, as any other's.
  await untilIdle();
  const stop = new AbortController();
  const looked = engine.next("read");
  const waiting = handle.result({ signal: stop.signal });
  await looked;
  await untilIdle();
  stop.abort(new Error("enough"));
  expect(await rejection(waiting)).toMatchObject({ message: "enough" });
  expect(await rejection(handle.result({ signal: AbortSignal.abort(new Error("before")) }))).toMatchObject({ message: "before" });

  const following = handle.events({ signal: stop.signal });
  expect(await following.next()).toEqual({ done: true, value: undefined });
  const left = handle.events();
  await left.next();
  const idle = left.next();
  await left.return();
  expect(await idle).toEqual({ done: true, value: undefined });
  expect(engine.subscribed()).toBe(0);
  expect(await handle.get()).toMatchObject({ state: "queued" });
});

test("the context's middleware decides, and its principal owns the call", async () => {
  const { raincheck, router, engine } = app();
  expect(await rejection(raincheck.start(router.nested.double, 1, { ctx: { user: null } }))).toMatchObject({ code: "UNAUTHORIZED" });
  expect(await rejection(raincheck.start(router.nested.double, "one" as never, { ctx: ann }))).toMatchObject({ code: "BAD_REQUEST" });
  const { id } = await raincheck.start(router.nested.double, 1, { ctx: annAsync });
  expect(await engine.read(id, { principal: bob.user })).toBeNull();
  expect(await engine.read(id, { principal: "ann" })).not.toBeNull();
});

test("the options and the caller's transaction reach the engine", async () => {
  const inner = testRaincheck();
  const accepted: unknown[] = [];
  const { raincheck, router } = app({
    async accept(call, options) {
      accepted.push([call, options]);
      return await inner.engine.accept(call);
    },
  });
  await raincheck.start(router.nested.double, 1, {
    ctx: ann,
    transaction: "the caller's",
    idempotencyKey: "k",
    delay: "1 second",
    priority: 3,
  });
  expect(accepted).toMatchObject([
    [
      { idempotencyKey: "k", delayMs: 1_000, priority: 3, startByMs: null, deadlineMs: null, queue: "default" },
      { transaction: "the caller's" },
    ],
  ]);
  expect(await rejection(raincheck.start(router.nested.double, 1, { ctx: ann, dealy: "1 second" } as never))).toMatchObject({
    code: "BAD_REQUEST",
  });
});

test("what the database throws in the caller's own transaction is thrown as it is", async () => {
  const conflict = () => Object.assign(new Error("could not serialize access"), { code: "40001" });
  const { raincheck, router } = app({ accept: () => Promise.reject(conflict()) });
  const start = (transaction: string | null = null) =>
    rejection(raincheck.start(router.nested.double, 1, { ctx: ann, ...(transaction !== null && { transaction }) }));
  expect(await start("the caller's")).toStrictEqual(conflict());
  expect(await start()).toMatchObject({ name: "TRPCError", code: "INTERNAL_SERVER_ERROR" });
});

test("after the engine's stop nobody is told to try again here", async () => {
  const { raincheck, router, engine } = app();
  const handle = await raincheck.start(router.nested.double, 1, { ctx: ann });
  await engine.stop();
  for (const act of [raincheck.start(router.nested.double, 1, { ctx: ann }), handle.get(), handle.result(), handle.events().next()]) {
    expect(await rejection(act)).toMatchObject({
      code: "SERVICE_UNAVAILABLE",
      message: "The engine of this process was stopped, and takes no more calls. Another process may.",
      cause: { name: "EngineStopped", code: "STOPPED" },
    });
  }
});

test("the same idempotency key gives the same call", async () => {
  const { raincheck, router } = app();
  const one = await raincheck.start(router.nested.double, 1, { ctx: ann, idempotencyKey: "k" });
  const other = await raincheck.start(router.nested.double, 1, { ctx: ann, idempotencyKey: "k" });
  expect([other.id, other.created]).toEqual([one.id, false]);
});

test("a procedure of a lazy router that is not loaded yet is found", async () => {
  const { raincheck, late } = app();
  expect((await raincheck.start(late, undefined, { ctx: ann })).path).toBe("slow.late");
});

describe("start() refuses", () => {
  test.each([
    ["no procedure", () => undefined, /takes a procedure of the bound router/],
    [
      "a procedure that is not deferrable",
      (harness: ReturnType<typeof app>) => harness.router.plain,
      /build it with raincheck\.deferrable\(builder\)/,
    ],
    [
      "one of another router",
      (harness: ReturnType<typeof app>) => harness.raincheck.deferrable(t.procedure).query(() => 1),
      /not in the router that raincheck\.bind\(\) was given/,
    ],
  ])("%s", async (_, procedure, message) => {
    const harness = app();
    expect(await rejection(harness.raincheck.start(procedure(harness) as never, undefined as never, { ctx: ann }))).toMatchObject({
      message: expect.stringMatching(message) as string,
    });
  });
});

test.each([
  ["no options", undefined],
  ["options without a context", {}],
  ["an empty context", { ctx: null }],
])("start() refuses %s, and says what is missing", async (_, options) => {
  const { raincheck, router } = app();
  expect(await rejection(raincheck.start(router.nested.double, 1, options as never))).toMatchObject({
    _tag: "InvalidOption",
    option: "options.ctx",
    message: expect.stringContaining("the context that the call is made with") as string,
  });
});

test("a handle whose call is not there says so", async () => {
  const inner = testRaincheck();
  const { raincheck, router } = app({ ...inner.engine, read: async () => null, events: async () => null, cancel: async () => null });
  const handle = await raincheck.start(router.nested.double, 1, { ctx: ann });
  await untilIdle();
  for (const act of [handle.result(), handle.get(), handle.cancel(), handle.events().next()])
    expect(await rejection(act)).toMatchObject({ code: "NOT_FOUND" });
  expect(await rejection(handle.cancel("x".repeat(limits.cancelReasonChars + 1)))).toMatchObject({ code: "BAD_REQUEST" });
});
