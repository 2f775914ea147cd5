import { createTRPCClient, loggerLink } from "@trpc/client";
import { describe, expect, it } from "vitest";
import type { ScriptedCalls, ScriptedRouter } from "../test/scripted-calls.ts";
import { type Transport, serve } from "../test/served.ts";
import { createDeferClient, deferLink } from "./index.ts";

const deferred = { context: { mode: "async" } };
const before = () => [deferLink<ScriptedRouter>()];
const onlyCall = async (script: ScriptedCalls) => {
  await script.until(() => script.calls.size === 1);
  return [...script.calls.keys()][0]!;
};

describe.each(["HTTP and SSE", "WebSocket", "in process", "HTTP without subscriptions"] satisfies Transport[])("over %s", (transport) => {
  it("makes a call site durable that says so", async () => {
    await using served = await serve({ transport, before: before() });
    const { script, trpc } = served;
    const output = trpc.reports.make.mutate({ year: 2001 }, { context: { mode: "async", tag: "kept" } });
    const id = await onlyCall(script);
    expect(script.calls.get(id)).toMatchObject({ path: "reports.make", input: { year: 2001 }, key: expect.any(String) });
    script.succeed(id, { year: 1999 });
    await expect(output).resolves.toEqual({ year: 1999 });
  });

  it("lets everything else pass", async () => {
    await using served = await serve({ transport, before: before() });
    const { script, trpc } = served;
    await expect(trpc.reports.make.mutate({ year: 2001 })).resolves.toMatchObject({ year: 2001 });
    await expect(trpc.reports.plain.query(undefined, { context: { mode: "sync" } })).resolves.toBe("plain");
    expect(script.starts).toEqual([]);
  });

  it("refuses a mode that there is not, instead of answering in sync mode", async () => {
    await using served = await serve({ transport, before: before() });
    const { script, trpc } = served;
    const output = trpc.reports.make.mutate({ year: 2001 }, { context: { mode: "asink" } });
    await expect(output).rejects.toMatchObject({ name: "TRPCClientError", cause: { _tag: "InvalidOption", option: "context.mode" } });
    expect(script.starts).toEqual([]);
  });

  it("tells failures as tRPC's errors, with their cause", async () => {
    await using served = await serve({ transport, before: before() });
    const { script, trpc } = served;
    const endings = [
      [{ type: "failed", attempt: 0, failure: { code: "FORBIDDEN", message: "No." } }, "FORBIDDEN", 403, "CallFailed"],
      [{ type: "failed", attempt: 0, failure: { code: "OUT_OF_PAPER", message: "No." } }, "INTERNAL_SERVER_ERROR", 500, "CallFailed"],
      [{ type: "failed", attempt: 0, failure: { code: "toString", message: "No." } }, "INTERNAL_SERVER_ERROR", 500, "CallFailed"],
      [{ type: "failed", attempt: 0, failure: { code: "TIMED_OUT", message: "No." } }, "TIMEOUT", 408, "CallFailed"],
      [{ type: "expired", failure: { code: "DEADLINE_PASSED", message: "No." } }, "TIMEOUT", 408, "CallExpired"],
      [{ type: "cancelled", reason: null }, "CLIENT_CLOSED_REQUEST", 499, "CallCancelled"],
    ] as const;
    for (const [event, code, httpStatus, tag] of endings) {
      const output = trpc.reports.make.mutate({ year: 2001 }, deferred);
      await script.until(() => script.calls.size === 1);
      const id = await onlyCall(script);
      script.emit(id, event);
      await expect(output).rejects.toMatchObject({
        name: "TRPCClientError",
        data: { code, httpStatus, path: "reports.make" },
        shape: { code: expect.any(Number), data: { code } },
        cause: { _tag: tag, call: { id, path: "reports.make" } },
      });
      script.calls.clear();
    }
  });

  it("stops following when the operation is aborted, and leaves the call alone", async () => {
    await using served = await serve({ transport, before: before() });
    const { script, trpc } = served;
    const abort = new AbortController();
    const output = trpc.reports.make.mutate({ year: 2001 }, { ...deferred, signal: abort.signal });
    const id = await onlyCall(script);
    abort.abort();
    await expect(output).rejects.toMatchObject({ name: "TRPCClientError", cause: { name: "AbortError" } });
    await script.until(() => script.openWatches === 0);
    expect(script.snapshot(id).state).toBe("queued");
  });
});

it("tells a refused start as the server did", async () => {
  await using served = await serve({ transport: "HTTP and SSE", before: before() });
  const { script, trpc } = served;
  await expect(trpc.reports.make.mutate({ year: 1 }, { ...deferred, signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: "TRPCClientError",
  });
  const elsewhere = createTRPCClient<ScriptedRouter>({ links: [deferLink({ calls: "elsewhere" }), ...served.links.slice(1)] });
  await expect(elsewhere.reports.make.mutate({ year: 1 }, deferred)).rejects.toMatchObject({
    data: { code: "NOT_FOUND", path: "elsewhere.start" },
  });
  expect(script.starts).toEqual([]);
});

it("works behind other links, and hands the operation's context to those that follow, without the mode", async () => {
  const seen: { id: number; path: string; context: unknown }[] = [];
  const logger = loggerLink<ScriptedRouter>({
    logger: ({ direction, id, path, context }) => {
      if (direction === "up") seen.push({ id, path, context });
    },
  });
  await using served = await serve({ transport: "HTTP and SSE", before: [loggerLink({ logger: () => {} }), deferLink(), logger] });
  const { script, trpc } = served;
  const output = trpc.reports.make.mutate({ year: 2001 }, { context: { mode: "async", token: "t" } });
  script.succeed(await onlyCall(script), "done");
  await expect(output).resolves.toBe("done");
  expect(seen.map(({ path, context }) => ({ path, context }))).toEqual([
    { path: "calls.start", context: { token: "t" } },
    { path: "calls.watch", context: {} },
  ]);
  // tRPC's own ids are positive, so none is given twice.
  expect(seen.every(({ id }) => id < 0)).toBe(true);
});

it("shares its subscriptions with the handles of the same client", async () => {
  await using served = await serve({ transport: "HTTP and SSE", before: before() });
  const { script, trpc } = served;
  const handles = await Promise.all(Array.from({ length: 10 }, (_, year) => createDeferClient(trpc).reports.make({ year })));
  const results = [...handles.map((handle) => handle.result()), ...handles.map((_, year) => trpc.reports.make.mutate({ year }, deferred))];
  await script.until(() => script.calls.size === 20);
  for (const id of script.calls.keys()) script.succeed(id, "done");
  await expect(Promise.all(results)).resolves.toHaveLength(20);
  expect(script.mostWatches).toBeLessThanOrEqual(2);
});
