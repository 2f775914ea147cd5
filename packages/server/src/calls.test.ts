import { EngineFull, EngineUnavailable } from "@raincheck/engine";
import { type StartedCall, limits } from "@raincheck/protocol";
import { lazy } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { claimNext, runNext, serve } from "../test/support/attempt-driver.ts";
import { untilIdle } from "../test/support/held.ts";
import { ann, authed, bob, rejection, t, testRaincheck, unknownId } from "../test/support/harness.ts";

function app(overrides: Parameters<typeof testRaincheck>[0] = {}) {
  const harness = testRaincheck(overrides);
  const { raincheck } = harness;
  const double = raincheck.deferrable(authed.input(z.number())).mutation(({ ctx, input }) => {
    ctx.call.progress({ half: input });
    return input * 2;
  });
  const router = raincheck.bind(
    t.router({
      double,
      open: raincheck.deferrable(t.procedure).query(() => "open"),
      plain: t.procedure.query(() => "plain"),
      short: raincheck
        .deferrable(t.procedure.use(async () => ({ ok: true, data: "cached", marker: "middlewareMarker" as never })))
        .query(() => "never"),
      slow: lazy(async () => t.router({ double })),
      calls: raincheck.calls(t.procedure),
    }),
  );
  return { ...harness, router, as: (ctx: typeof ann) => router.createCaller(ctx).calls };
}

describe("start", () => {
  test("accepts a call by its path, lazy routers included", async () => {
    const { as, runtime } = app();
    for (const path of ["double", "slow.double"]) {
      const started = await as(ann).start({ path, input: 4 });
      expect(started).toEqual({ id: expect.any(String) as string, path, state: "queued", created: true });
      const { call } = await runNext(runtime);
      expect(call.path).toBe(path);
      expect(await as(ann).get({ id: started.id })).toMatchObject({ state: "succeeded", output: 8 });
    }
  });

  test.each(["nowhere", "constructor", "__proto__", "toString", "calls", "slow.no", "x".repeat(limits.pathChars), "a b\u001b[31m"])(
    "the path %s is NOT_FOUND",
    async (path) => {
      const { as } = app();
      expect(await rejection(as(ann).start({ path }))).toMatchObject({
        code: "NOT_FOUND",
        message: expect.stringContaining("No procedure found on path") as string,
      });
    },
  );

  test("a procedure that is not deferrable is refused with the mend", async () => {
    const { as } = app();
    for (const path of ["plain", "calls.start"]) {
      expect(await rejection(as(ann).start({ path }))).toMatchObject({
        code: "BAD_REQUEST",
        message: `The procedure on path "${path}" is not deferrable. Build it with raincheck.deferrable(builder), or call it as any other.`,
      });
    }
  });

  test("the procedure's own middleware and validation decide", async () => {
    const { as } = app();
    expect(await rejection(as({ user: null }).start({ path: "double", input: 1 }))).toMatchObject({
      code: "UNAUTHORIZED",
      message: "Sign in first.",
    });
    expect(await rejection(as(ann).start({ path: "double", input: "one" }))).toMatchObject({ code: "BAD_REQUEST" });
    expect(await rejection(as(ann).start({ path: "short" }))).toMatchObject({
      code: "INTERNAL_SERVER_ERROR",
      message: expect.stringContaining("answered by itself") as string,
    });
  });

  test.each<[object, string]>([
    [{ delay: "soon" }, 'Invalid options.delay: "soon"; expected a number, a space and a unit'],
    [{ dealy: "1 second" }, "Unknown option options.dealy. Did you mean options.delay?"],
    [{ priority: 5_000 }, "Invalid options.priority: 5000; expected a whole number from -1000 to 1000."],
    [{ idempotencyKey: "" }, "Invalid options.idempotencyKey"],
    [{ idempotencyKey: "x".repeat(limits.idempotencyKeyChars + 1) }, "a string of 1 to 1024 characters"],
    [{ deadline: "0 seconds" }, "Invalid options.deadline"],
    [{ delay: "1 minute", startBy: "30 seconds" }, "more than the delay of 60000 ms, or the call could never begin"],
    [[], "Invalid options: an array; expected an object"],
  ])("the options %j are refused", async (options, message) => {
    const { as } = app();
    expect(await rejection(as(ann).start({ path: "double", input: 1, options }))).toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining(message) as string,
    });
  });

  test.each<[unknown, string]>([
    [undefined, "Invalid input: undefined; expected an object."],
    [{ input: 1 }, "Invalid path"],
    [{ path: "" }, "Invalid path"],
    [{ path: "a\0" }, "U+0000"],
  ])("the request %j is refused", async (request, message) => {
    const { as } = app();
    expect(await rejection(as(ann).start(request as never))).toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining(message) as string,
    });
  });

  test("an idempotency key names one call, for one input and one principal", async () => {
    const { as } = app();
    const options = { idempotencyKey: "k" };
    const first = await as(ann).start({ path: "double", input: 1, options });
    const again = await as(ann).start({ path: "double", input: 1, options });
    expect(again).toEqual({ ...first, created: false });
    expect(await rejection(as(ann).start({ path: "double", input: 2, options }))).toMatchObject({ code: "CONFLICT" });
    expect((await as(bob).start({ path: "double", input: 2, options })).id).not.toBe(first.id);
  });

  test("the options override the policy", async () => {
    const { as, runtime } = app();
    await as(ann).start({ path: "double", input: 1, options: { priority: 1, deadline: "1 minute" } });
    await as(ann).start({ path: "double", input: 2, options: { priority: 2 } });
    await as(ann).start({ path: "double", input: 3, options: { priority: 3, delay: "1 hour" } });
    const [one, other] = [await claimNext(runtime), await claimNext(runtime)];
    expect([one.input, other.input]).toEqual(["~1j2", "~1j1"]);
    expect(other.deadlineInMs).toBeGreaterThan(59_000);
  });

  test("a middleware that calls another procedure on its way does not take the options for it", async () => {
    const { raincheck, runtime } = testRaincheck();
    const quota = raincheck.deferrable(t.procedure).query(() => "quota");
    const asking = t.procedure.use(async ({ ctx, next }) => {
      await router.createCaller(ctx).quota();
      return next();
    });
    const outer = raincheck.deferrable(asking).mutation(() => "outer");
    const own = t.router({ quota, outer, calls: raincheck.calls(t.procedure) });
    const router: { createCaller(ctx: typeof ann): { quota(): Promise<string> } } = raincheck.bind(own);
    const started = await own.createCaller(ann).calls.start({ path: "outer", options: { priority: 9 } });
    expect(started.path).toBe("outer");
    expect(await claimNext(runtime)).toMatchObject({ id: started.id, path: "outer" });
  });

  test("only the raincheck that is bound starts its procedures", async () => {
    const one = testRaincheck();
    const other = testRaincheck();
    const router = other.raincheck.bind(
      t.router({ a: one.raincheck.deferrable(t.procedure).query(() => 1), calls: other.raincheck.calls(t.procedure) }),
    );
    expect(await rejection(router.createCaller(ann).calls.start({ path: "a" }))).toMatchObject({
      message: expect.stringContaining("made by another raincheck") as string,
    });
  });
});

describe("the principal owns its calls", () => {
  async function owned() {
    const harness = app();
    const { id } = await harness.as(ann).start({ path: "double", input: 4 });
    return { ...harness, id };
  }
  const verbs = {
    get: (calls: ReturnType<ReturnType<typeof app>["as"]>, id: string) => calls.get({ id }),
    wait: (calls: ReturnType<ReturnType<typeof app>["as"]>, id: string) => calls.wait({ id, timeoutMs: 1_000 }),
    cancel: (calls: ReturnType<ReturnType<typeof app>["as"]>, id: string) => calls.cancel({ id, reason: "mine" }),
  };

  test.each(Object.keys(verbs) as (keyof typeof verbs)[])("%s answers another's call and no call with the same bytes", async (verb) => {
    const { as, id, router, runtime } = await owned();
    // Over HTTP, as a prober sees it: status, headers and body.
    const answer = async (user: string | null, asked: string): Promise<string> => {
      const input = JSON.stringify({ id: asked });
      const url = verb === "cancel" ? `http://localhost/calls.cancel` : `http://localhost/calls.${verb}?input=${encodeURIComponent(input)}`;
      const req =
        verb === "cancel"
          ? new Request(url, { method: "POST", body: input, headers: { "content-type": "application/json" } })
          : new Request(url);
      const response = await fetchRequestHandler({ endpoint: "", router, req, createContext: () => ({ user }) });
      return JSON.stringify([response.status, [...response.headers], await response.text()]);
    };
    const answers = [await answer("bob", id), await answer(null, id), await answer("bob", unknownId), await answer("ann", unknownId)];
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain("[404,");
    expect(answers[0]).toContain("No such call.");
    expect(await runtime.engine.read(id, { principal: "ann" })).toMatchObject({ state: "queued" });
    // And the owner is let in by the same verb.
    await using _ = serve(runtime);
    await verbs[verb](as(ann), id);
  });

  test("an anonymous call is read by whoever holds its id", async () => {
    const { as } = app();
    const { id } = await as({ user: null }).start({ path: "open" });
    expect(await as(bob).get({ id })).toMatchObject({ id, state: "queued" });
    expect(await as({ user: null }).list()).toEqual({ calls: [], nextCursor: null });
  });

  test("list shows one's own calls, the newest first, in pages, without outputs", async () => {
    const { as, runtime } = app();
    const started: StartedCall[] = [];
    for (const input of [1, 2, 3]) started.push(await as(ann).start({ path: "double", input }));
    await as(bob).start({ path: "double", input: 9 });
    await runNext(runtime);
    const first = await as(ann).list({ limit: 2 });
    expect(first.calls.map(({ id }) => id)).toEqual([started[2]!.id, started[1]!.id]);
    const second = await as(ann).list({ limit: 2, cursor: first.nextCursor! });
    expect(second).toEqual({
      calls: [expect.objectContaining({ id: started[0]!.id, state: "succeeded", progress: { half: 1 } })],
      nextCursor: null,
    });
    expect(second.calls[0]).not.toHaveProperty("output");
    expect((await as(ann).list({ state: "succeeded" })).calls).toHaveLength(1);
    expect((await as(ann).list({ path: "open" })).calls).toEqual([]);
  });

  test.each<[object]>([[{ limit: 0 }], [{ limit: 101 }], [{ state: "done" }], [{ cursor: 7 }], [{ path: "" }], [{ cursor: "not one" }]])(
    "list refuses %j",
    async (request) => {
      expect(await rejection(app().as(ann).list(request))).toMatchObject({ code: "BAD_REQUEST" });
    },
  );
});

describe("get and wait", () => {
  test.each([
    ["of a later release is read elsewhere: SERVICE_UNAVAILABLE", "~2j1", "SERVICE_UNAVAILABLE"],
    ["that nobody can read is said to be so", "~1j{", "INTERNAL_SERVER_ERROR"],
  ])("an output %s, and the call is listed all the same", async (_, output, code) => {
    const { as, runtime } = app();
    const { id } = await as(ann).start({ path: "double", input: 4 });
    const call = await claimNext(runtime);
    await runtime.engine.report(call, output);
    await runtime.engine.settle(call, { type: "succeeded", output });
    for (const asked of [as(ann).get({ id }), as(ann).wait({ id })])
      expect(await rejection(asked)).toMatchObject({ code, message: expect.stringContaining("cannot be read") as string });
    const watching = (async () => {
      for await (const _event of await as(ann).watch({ calls: [{ id, after: 3 }] })) return;
    })();
    expect(await rejection(watching)).toMatchObject({ code });
    expect((await as(ann).list()).calls).toMatchObject([{ id, state: "succeeded", progress: null }]);
  });

  test("show a call at every stage", async () => {
    const { as, runtime } = app();
    const { id } = await as(ann).start({ path: "double", input: 4 });
    const open = {
      id,
      path: "double",
      state: "queued",
      seq: 1,
      attempt: 0,
      progress: null,
      createdAt: expect.any(String) as string,
      startedAt: null,
      endedAt: null,
    };
    expect(await as(ann).get({ id })).toEqual(open);
    await runNext(runtime);
    expect(await as(ann).get({ id })).toEqual({
      ...open,
      state: "succeeded",
      seq: 4,
      attempt: 1,
      progress: { half: 4 },
      startedAt: expect.any(String) as string,
      endedAt: expect.any(String) as string,
      output: 8,
    });

    const cancelled = await as(ann).start({ path: "double", input: 5 });
    await as(ann).cancel({ id: cancelled.id, reason: "no longer needed" });
    expect(await as(ann).get({ id: cancelled.id })).toMatchObject({ state: "cancelled", cancelReason: "no longer needed" });
  });

  test("wait answers when the call has ended", async () => {
    const { as, runtime, engine } = app();
    const { id } = await as(ann).start({ path: "double", input: 4 });
    const looked = engine.next("read");
    const waiting = as(ann).wait({ id });
    await looked;
    await untilIdle();
    await runNext(runtime);
    expect(await waiting).toMatchObject({ state: "succeeded", output: 8 });
    expect(engine.subscribed()).toBe(0);
  });

  test("wait answers with what is when the time is up", async () => {
    const { as, engine } = app();
    const { id } = await as(ann).start({ path: "double", input: 4 });
    expect(await as(ann).wait({ id, timeoutMs: 0 })).toMatchObject({ state: "queued" });
    expect(await as(ann).wait({ id, timeoutMs: 5 })).toMatchObject({ state: "queued" });
    expect(engine.subscribed()).toBe(0);
  });

  test("wait ends when the client leaves", async () => {
    const { as, router, engine } = app();
    const { id } = await as(ann).start({ path: "double", input: 4 });
    const leaving = new AbortController();
    const looked = engine.next("read");
    const waiting = router.createCaller(ann, { signal: leaving.signal }).calls.wait({ id });
    await looked;
    await untilIdle();
    leaving.abort(new Error("left"));
    expect(await rejection(waiting)).toMatchObject({ message: "left" });
    expect(engine.subscribed()).toBe(0);
  });

  test.each([-1, limits.waitMs + 1, 1.5, "1"])("wait refuses the timeout %s", async (timeoutMs) => {
    expect(
      await rejection(
        app()
          .as(ann)
          .wait({ id: unknownId, timeoutMs: timeoutMs as number }),
      ),
    ).toMatchObject({ code: "BAD_REQUEST", message: expect.stringContaining("Invalid timeoutMs") as string });
  });

  test.each(["", "1", unknownId.replaceAll("0", "A"), `${unknownId}\n`, "__proto__"])("the id %j is refused as none", async (id) => {
    expect(await rejection(app().as(ann).get({ id }))).toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining("Invalid id") as string,
    });
  });
});

describe("cancel", () => {
  test("ends an open call once", async () => {
    const { as } = app();
    const { id } = await as(ann).start({ path: "double", input: 4 });
    expect(await as(ann).cancel({ id })).toEqual({ cancelled: true, state: "cancelled" });
    expect(await as(ann).cancel({ id })).toEqual({ cancelled: false, state: "cancelled" });
  });

  test("refuses a reason that cannot be kept", async () => {
    for (const reason of ["x".repeat(limits.cancelReasonChars + 1), "a\0", "\ud800", 7]) {
      expect(
        await rejection(
          app()
            .as(ann)
            .cancel({ id: unknownId, reason: reason as string }),
        ),
      ).toMatchObject({ code: "BAD_REQUEST", message: expect.stringContaining("Invalid reason") as string });
    }
  });
});

describe("when the engine does not answer", () => {
  const away = () => Promise.reject(new EngineUnavailable("test", new Error("connect ECONNREFUSED 10.0.0.7:5432")));
  const { as, router } = app({ accept: away, read: away, list: away, cancel: away, events: away });
  const expected = { code: "SERVICE_UNAVAILABLE", message: "The ledger of calls cannot be reached for now. Try again." };

  test.each([
    ["start", () => as(ann).start({ path: "double", input: 1 })],
    ["get", () => as(ann).get({ id: unknownId })],
    ["wait", () => as(ann).wait({ id: unknownId })],
    ["list", () => as(ann).list()],
    ["cancel", () => as(ann).cancel({ id: unknownId })],
    ["watch", async () => await (await as(ann).watch({ calls: [{ id: unknownId }] }))[Symbol.asyncIterator]().next()],
    ["a procedure in async mode", () => router.createCaller({ user: "ann", mode: "async" }).double(1)],
  ])("%s says so", async (_, act) => {
    expect(await rejection(act())).toMatchObject(expected);
  });

  test("nothing of where it is crosses the wire", async () => {
    const req = new Request("http://localhost/calls.list");
    const response = await fetchRequestHandler({ endpoint: "", router, req, createContext: () => ann });
    const body = await response.text();
    expect([response.status, body]).toEqual([503, expect.stringContaining(expected.message)]);
    expect(body).not.toContain("10.0.0.7");
  });

  test("a full engine says that it is full", async () => {
    const full = app({ accept: () => Promise.reject(new EngineFull("500 calls are queued.")) });
    expect(await rejection(full.as(ann).start({ path: "double", input: 1 }))).toMatchObject({ code: "TOO_MANY_REQUESTS" });
  });
});
