import { EngineFull, EngineUnavailable } from "@raincheck/engine";
import { limits } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";

import { runNext, serve } from "../test/support/attempt-driver.ts";
import { t, testRaincheck } from "../test/support/harness.ts";
import { serveRouter } from "../test/support/http-server.ts";
import { type CarryingContext, httpKey } from "./carried-in-context.ts";
import { httpContext } from "./http.ts";
import { retryHint } from "./retry-hint.ts";

describe("the preferences of a request", () => {
  const read = (headers: Record<string, string>) => {
    const context: { mode: string } & CarryingContext = httpContext(new Request("http://localhost", { headers }));
    return { mode: context.mode, ...context[httpKey] };
  };

  test.each<[Record<string, string>, object]>([
    [{}, { mode: "sync", waitMs: 0, idempotencyKey: null }],
    [{ prefer: "respond-async" }, { mode: "async" }],
    [{ prefer: "Respond-Async, wait=10" }, { mode: "async", waitMs: 10_000 }],
    [{ prefer: 'wait="10" , respond-async; foo=1' }, { mode: "async", waitMs: 10_000 }],
    [{ prefer: "wait=10" }, { mode: "sync", waitMs: 10_000 }],
    [{ prefer: "respond-async, wait=5, wait=99" }, { waitMs: 5_000 }],
    [{ prefer: "respond-async, wait=99999" }, { waitMs: limits.waitMs }],
    [{ prefer: "respond-async, wait=-1" }, { mode: "async", waitMs: 0 }],
    [{ prefer: "respond-async, wait=soon" }, { mode: "async", waitMs: 0 }],
    [{ prefer: "respond-asynchronously, return=minimal" }, { mode: "sync" }],
    [{ prefer: ",;=,,respond-async" }, { mode: "async" }],
    [{ prefer: `${"x,".repeat(10_000)}respond-async` }, { mode: "sync" }],
    [{ "idempotency-key": "k-1" }, { mode: "sync", idempotencyKey: "k-1" }],
    [{ "idempotency-key": ' "8e03978e" ' }, { idempotencyKey: "8e03978e" }],
    [{ "idempotency-key": " " }, { idempotencyKey: null }],
  ])("%j", (headers, expected) => {
    expect(read(headers)).toMatchObject(expected);
  });

  test("Node's headers are read as well as those of fetch", () => {
    const context: CarryingContext = httpContext({ headers: { prefer: "respond-async", "idempotency-key": ["a", "b"] } });
    expect([context.mode, context[httpKey]]).toEqual(["async", { waitMs: 0, idempotencyKey: "a, b" }]);
  });
});

describe("over HTTP", () => {
  async function app() {
    const harness = testRaincheck();
    const { raincheck } = harness;
    const router = raincheck.bind(
      t.router({
        flights: {
          double: raincheck.deferrable(t.procedure.input(z.number())).mutation(({ input }) => {
            if (input < 0) throw new Error("secret");
            return input * 2;
          }),
          read: raincheck.deferrable(t.procedure).query(() => "read"),
        },
        plain: t.procedure.mutation(() => "plain"),
        calls: raincheck.calls(t.procedure),
      }),
    );
    const server = await serveRouter(router, {
      createContext: (req) => ({ ...raincheck.http(req), user: req.headers["x-user"] ?? null }),
      responseMeta: raincheck.responseMeta,
    });
    const post = async (path: string, input: unknown, headers: Record<string, string> = {}) => {
      const response = await fetch(`${server.http}/${path}`, {
        method: "POST",
        body: JSON.stringify(input),
        headers: { "content-type": "application/json", "x-user": "ann", ...headers },
      });
      return {
        status: response.status,
        headers: response.headers,
        body: (await response.json()) as { result?: { data: unknown }; error?: unknown },
      };
    };
    return { ...harness, server, post };
  }

  test("without a preference a procedure answers as ever", async () => {
    const { post, server } = await app();
    await using _ = server;
    const { status, headers, body } = await post("flights.double", 4, { "idempotency-key": "k" });
    expect([status, body]).toEqual([200, { result: { data: 8 } }]);
    for (const name of ["location", "preference-applied", "retry-after"]) expect(headers.get(name)).toBeNull();
  });

  test("respond-async answers 202, and Location leads to the output", async () => {
    const { post, server, runtime } = await app();
    await using _ = server;
    const { status, headers, body } = await post("flights.double", 4, { prefer: "respond-async", "idempotency-key": "k" });
    const { id } = body.result!.data as { id: string };
    expect(status).toBe(202);
    expect(body.result!.data).toEqual({ id, path: "flights.double", state: "queued", created: true });
    expect([headers.get("preference-applied"), headers.get("retry-after")]).toEqual(["respond-async", "1"]);
    expect((await post("flights.double", 4, { prefer: "respond-async", "idempotency-key": "k" })).body.result!.data).toMatchObject({
      id,
      created: false,
    });
    expect((await post("flights.double", 5, { prefer: "respond-async", "idempotency-key": "k" })).status).toBe(409);

    const location = new URL(headers.get("location")!, server.http);
    expect(location.pathname).toBe("/calls.get");
    const open = await fetch(location, { headers: { "x-user": "ann" } });
    expect([open.status, open.headers.get("retry-after"), await open.json()]).toMatchObject([
      200,
      "1",
      { result: { data: { state: "queued" } } },
    ]);
    await runNext(runtime);
    const read = await fetch(location, { headers: { "x-user": "ann" } });
    expect(read.headers.get("retry-after")).toBeNull();
    expect(await read.json()).toMatchObject({ result: { data: { state: "succeeded", output: 8 } } });
    expect((await fetch(location, { headers: { "x-user": "bob" } })).status).toBe(404);
  });

  test("within the preferred wait the output itself is the answer", async () => {
    const { post, server, runtime } = await app();
    await using _ = server;
    await using __ = serve(runtime);
    const { status, headers, body } = await post("flights.double", 4, { prefer: "respond-async, wait=20" });
    expect([status, body, headers.get("location")]).toEqual([200, { result: { data: 8 } }, null]);
  });

  test("within the preferred wait a failure is the answer, and no more of it than anybody may see", async () => {
    const { post, server, runtime } = await app();
    await using _ = server;
    await using __ = serve(runtime);
    const { status, body } = await post("flights.double", -1, { prefer: "respond-async, wait=20" });
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain("secret");
    expect(body.error).toMatchObject({
      data: { code: "INTERNAL_SERVER_ERROR" },
      message: expect.stringMatching(/\(call [0-9a-f-]{36}, code INTERNAL_SERVER_ERROR, errorId [0-9a-f-]{36}\)$/) as string,
    });
  });

  test("when the wait is over and the call runs, the answer says so", async () => {
    const { post, server, engine } = await app();
    await using _ = server;
    const answer = post("flights.double", 4, { prefer: "respond-async, wait=1" });
    await vi.waitFor(
      async () => expect(await engine.claim({ worker: "test", queues: ["default"], limit: 1, leaseMs: 60_000 })).toHaveLength(1),
      { timeout: 15_000, interval: 5 },
    );
    const { status, body } = await answer;
    expect([status, body.result!.data]).toMatchObject([202, { state: "running" }]);
  });

  test("when the wait is over the accepted call is the answer", async () => {
    const { post, server, engine } = await app();
    await using _ = server;
    const { status, headers, body } = await post("flights.double", 4, { prefer: "respond-async, wait=1" });
    expect([status, headers.get("preference-applied")]).toEqual([202, "respond-async, wait=1"]);
    expect(body.result!.data).toMatchObject({ state: "queued" });
    expect(engine.subscribed()).toBe(0);
  });

  test("a query is deferred by GET, and what is not deferrable is not", async () => {
    const { post, server } = await app();
    await using _ = server;
    expect((await fetch(`${server.http}/flights.read`, { headers: { prefer: "respond-async" } })).status).toBe(202);
    const { status, body } = await post("plain", undefined, { prefer: "respond-async" });
    expect([status, body]).toEqual([200, { result: { data: "plain" } }]);
  });

  test("a batch is 202 only when all of it was accepted, and calls.start answers 200 as any mutation", async () => {
    const { post, server } = await app();
    await using _ = server;
    const prefer = "respond-async";
    const both = await post("flights.double,flights.double?batch=1", { 0: 1, 1: 2 }, { prefer });
    expect([both.status, both.headers.get("location")]).toEqual([202, null]);
    const mixed = await post("flights.double,plain?batch=1", { 0: 1 }, { prefer });
    expect(mixed.status).toBe(200);
    expect((await post("calls.start", { path: "flights.double", input: 1 })).status).toBe(200);
  });

  test("bad input is refused before anything is stored", async () => {
    const { post, server, engine } = await app();
    await using _ = server;
    expect((await post("flights.double", "four", { prefer: "respond-async" })).status).toBe(400);
    expect(
      (await post("flights.double", 4, { prefer: "respond-async", "idempotency-key": "x".repeat(limits.idempotencyKeyChars + 1) })).status,
    ).toBe(400);
    const form = await fetch(`${server.http}/flights.double`, {
      method: "POST",
      body: new FormData(),
      headers: { prefer: "respond-async" },
    });
    expect(form.status).toBe(400);
    expect(await engine.claim({ worker: "test", queues: ["default"], limit: 1, leaseMs: 1 })).toEqual([]);
  });

  test("an engine that does not answer is 503 with Retry-After", async () => {
    const { post, server, engine } = await app();
    await using _ = server;
    await engine.stop();
    const { status, headers } = await post("flights.double", 4, { prefer: "respond-async" });
    expect([status, headers.get("retry-after")]).toEqual([503, "1"]);
  });

  test("the hint for a repetition stands in the error's data where the application puts it, for troubles that pass alone", () => {
    const unavailable = new TRPCError({ code: "SERVICE_UNAVAILABLE", cause: new EngineUnavailable("accept", null) });
    expect(retryHint(unavailable)).toEqual({ retryAfterMs: 1_000 });
    expect(retryHint(new TRPCError({ code: "TOO_MANY_REQUESTS", cause: new EngineFull("full") }))).toEqual({ retryAfterMs: 1_000 });
    for (const other of [new TRPCError({ code: "SERVICE_UNAVAILABLE" }), new Error("anything"), null, "text"]) {
      expect(retryHint(other)).toEqual({});
    }
  });
});
