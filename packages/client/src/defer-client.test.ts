import { TRPCClientError, type TRPCLink, createTRPCClient } from "@trpc/client";
import { TRPCError } from "@trpc/server";
import { observable } from "@trpc/server/observable";
import { describe, expect, it, vi } from "vitest";
import type { ScriptedRouter } from "../test/scripted-calls.ts";
import { serve } from "../test/served.ts";
import { createDeferClient } from "./index.ts";

/** Fails a number of `calls.start` on the way back, as a connection does that is lost after the request arrived. */
const losingAnswers = (count: number) => failingStarts(count, () => TRPCClientError.from(new TypeError("fetch failed")));

/** Answers a number of `calls.start` as a server does whose ledger is away, though it had the call. */
const refusingForNow = (count: number, retryAfterMs: number) =>
  failingStarts(count, () =>
    TRPCClientError.from({ error: { code: -32_603, message: "away", data: { code: "SERVICE_UNAVAILABLE", retryAfterMs } } }),
  );

function failingStarts(count: number, fail: () => TRPCClientError<ScriptedRouter>): TRPCLink<ScriptedRouter> {
  let lost = 0;
  return () =>
    ({ op, next }) =>
      observable((observer) =>
        next(op).subscribe({
          ...observer,
          next: (envelope) => {
            if (op.path === "calls.start" && lost < count) {
              lost += 1;
              observer.error(fail());
            } else observer.next(envelope);
          },
        }),
      );
}

describe("a start", () => {
  it("is repeated with the same key when its answer is lost, and is one call", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    await using served = await serve({ transport: "HTTP and SSE", before: [losingAnswers(3)] });
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    expect(script.starts).toHaveLength(4);
    expect(new Set(script.starts.map(({ options }) => options?.idempotencyKey)).size).toBe(1);
    expect([...script.calls.keys()]).toEqual([handle.id]);
    // A call that existed is not taken for a fresh one: it is looked at first.
    script.succeed(handle.id, "done");
    await expect(handle.result()).resolves.toBe("done");
    expect(script.asked.get).toBe(1);
  });

  it("is given up after four tries", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    await using served = await serve({ transport: "HTTP and SSE", before: [losingAnswers(4)] });
    await expect(createDeferClient(served.trpc).reports.make({ year: 2001 })).rejects.toThrow("fetch failed");
    expect(served.script.starts).toHaveLength(4);
  });

  it("is repeated with the same key, after the time that the server names, when it is refused for now", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    await using served = await serve({ transport: "HTTP and SSE", before: [refusingForNow(1, 30)] });
    const { script, trpc } = served;
    const beginMs = performance.now();
    await createDeferClient(trpc).reports.make({ year: 2001 });
    expect(performance.now() - beginMs).toBeGreaterThanOrEqual(29);
    expect(script.starts).toHaveLength(2);
    expect(new Set(script.starts.map(({ options }) => options?.idempotencyKey)).size).toBe(1);
  });

  it("is not repeated when the server refuses it", async () => {
    await using served = await serve({ transport: "HTTP and SSE" });
    let refusals = 0;
    served.script.guard = (procedure) => {
      if (procedure !== "start") return;
      refusals += 1;
      throw new TRPCError({ code: refusals === 1 ? "BAD_REQUEST" : "INTERNAL_SERVER_ERROR" });
    };
    const defer = createDeferClient(served.trpc);
    await expect(defer.reports.make({ year: 2001 })).rejects.toMatchObject({ data: { code: "BAD_REQUEST" } });
    await expect(defer.reports.make({ year: 2001 })).rejects.toMatchObject({ data: { code: "INTERNAL_SERVER_ERROR" } });
    expect(refusals).toBe(2);
  });

  it("has a key of its own each time, or the one it is given", async () => {
    await using served = await serve({ transport: "in process" });
    const { script, trpc } = served;
    const defer = createDeferClient(trpc);
    const [first, second] = [await defer.reports.make({ year: 1 }), await defer.reports.make({ year: 1 })];
    expect(first.id).not.toBe(second.id);
    const options = { idempotencyKey: "june", delay: "1 minute", startBy: "1 hour", deadline: "2 hours", priority: 5 } as const;
    const [third, same] = [await defer.reports.make({ year: 1 }, options), await defer.reports.make({ year: 1 }, options)];
    expect(same.id).toBe(third.id);
    expect(script.starts.at(-1)).toEqual({ path: "reports.make", input: { year: 1 }, options });
    await expect(defer.reports.make({ year: 2 }, options)).rejects.toMatchObject({ data: { code: "CONFLICT" } });
  });

  it("makes its key without crypto.randomUUID, which insecure contexts lack", async () => {
    vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto), randomUUID: undefined });
    await using served = await serve({ transport: "in process" });
    served.script.guard = (procedure) => {
      // The script itself needs it.
      if (procedure === "start") vi.unstubAllGlobals();
    };
    await createDeferClient(served.trpc).reports.make({ year: 1 });
    expect(served.script.starts[0]?.options?.idempotencyKey).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it("rejects with the signal's reason", async () => {
    await using served = await serve({ transport: "HTTP and SSE", before: [losingAnswers(Number.POSITIVE_INFINITY)] });
    const { script, trpc } = served;
    const abort = new AbortController();
    const start = createDeferClient(trpc).reports.make({ year: 2001 }, { signal: abort.signal });
    await script.until(() => script.starts.length > 0);
    abort.abort("changed my mind");
    await expect(start).rejects.toBe("changed my mind");
    const aborted = createDeferClient(trpc).reports.make({ year: 2001 }, { signal: AbortSignal.abort("never began") });
    await expect(aborted).rejects.toBe("never began");
  });

  it("refuses options that are none, before anything is sent", async () => {
    await using served = await serve({ transport: "HTTP and SSE" });
    // @ts-expect-error options are an object, or left out
    const start = createDeferClient(served.trpc).reports.make({ year: 2001 }, null);
    await expect(start).rejects.toMatchObject({ _tag: "InvalidOption", option: "options" });
    expect(served.script.starts).toEqual([]);
  });

  it.each([
    ["FormData", new FormData()],
    ["Blob", new Blob([])],
    ["File", new File([], "a")],
    ["ReadableStream", new ReadableStream()],
  ])("refuses a %s, which would be stored as {}", async (name, upload) => {
    await using served = await serve({ transport: "HTTP and SSE" });
    // @ts-expect-error an upload is no input of this procedure; of another it could be
    const start = createDeferClient(served.trpc).reports.make(upload);
    await expect(start).rejects.toMatchObject({ _tag: "InvalidOption", option: "input", message: expect.stringContaining(name) });
    expect(served.script.starts).toEqual([]);
  });
});

describe("attach", () => {
  const id = "3f2b8c1e-9d4a-4f6b-8a7c-1e2d3c4b5a69";

  it("takes an id, a handle's JSON, or its string", async () => {
    await using served = await serve({ transport: "in process" });
    const { make } = createDeferClient(served.trpc).reports;
    for (const handle of [id, { id, path: "reports.make" }, JSON.stringify(make.attach(id)), make.attach(id)]) {
      expect(make.attach(handle).toJSON()).toEqual({ id, path: "reports.make" });
    }
  });

  it("refuses a handle of another procedure", async () => {
    await using served = await serve({ transport: "in process" });
    const { script, trpc } = served;
    const { make } = createDeferClient(trpc).reports;
    expect(() => make.attach({ id, path: "reports.other" })).toThrow(`Invalid handle.path: "reports.other"; expected "reports.make"`);
    expect(() => make.attach(JSON.stringify({ id, path: "reports.other" }))).toThrow(`Invalid handle.path: "reports.other"`);
    // A bare id says nothing of the path, so the server's word counts.
    const other = script.start({ path: "reports.other" });
    await expect(make.attach(other.id).result()).rejects.toMatchObject({ _tag: "InvalidOption", option: "handle.path" });
    await expect(make.attach(other.id).get()).rejects.toMatchObject({ _tag: "InvalidOption", option: "handle.path" });
  });

  it.each(["", "nonsense", "{", "{}", "null", '{"id":7}', "3F2B8C1E-9D4A-4F6B-8A7C-1E2D3C4B5A69"])("refuses %j", async (handle) => {
    await using served = await serve({ transport: "in process" });
    expect(() => createDeferClient(served.trpc).reports.make.attach(handle)).toThrow("Invalid handle");
  });
});

describe("within", () => {
  it("gives the output when that comes first", async () => {
    await using served = await serve({ transport: "HTTP and SSE" });
    const { script, trpc } = served;
    const first = createDeferClient(trpc).reports.make.within("1 minute", { year: 2001 });
    await script.until(() => script.calls.size === 1);
    script.succeed([...script.calls.keys()][0]!, "in time");
    await expect(first).resolves.toEqual({ done: true, output: "in time" });
  });

  it("gives the handle when the wait is over, and stops following", async () => {
    await using served = await serve({ transport: "HTTP and SSE" });
    const { script, trpc } = served;
    const first = await createDeferClient(trpc).reports.make.within("0 seconds", { year: 2001 });
    if (first.done) throw new Error("Nobody ended the call.");
    await script.until(() => script.openWatches === 0);
    script.succeed(first.handle.id, "later");
    await expect(first.handle.result()).resolves.toBe("later");
  });

  it("rejects with the failure, the signal's reason, or the bad wait", async () => {
    await using served = await serve({ transport: "HTTP and SSE" });
    const { script, trpc } = served;
    const { within } = createDeferClient(trpc).reports.make;
    const cancelled = within("1 minute", { year: 2001 });
    await script.until(() => script.calls.size === 1);
    script.cancel([...script.calls.keys()][0]!, undefined);
    await expect(cancelled).rejects.toMatchObject({ _tag: "CallCancelled" });

    const abort = new AbortController();
    const aborted = within("1 minute", { year: 2002 }, { signal: abort.signal });
    await script.until(() => script.calls.size === 2 && script.openWatches === 1);
    abort.abort("enough");
    await expect(aborted).rejects.toBe("enough");

    // @ts-expect-error not a duration
    await expect(within("soon", { year: 2003 })).rejects.toMatchObject({ _tag: "InvalidOption", option: "wait" });
    await expect(within("5 weeks", { year: 2003 })).rejects.toMatchObject({ _tag: "InvalidOption", option: "wait" });
    expect(script.starts).toHaveLength(2);
  });
});

describe("the proxy", () => {
  it("is no promise, and gives the same member each time", async () => {
    await using served = await serve({ transport: "in process" });
    const defer = createDeferClient(served.trpc);
    expect(await Promise.resolve(defer)).toBe(defer);
    expect(defer.reports.make).toBe(defer.reports.make);
  });

  it("uses another path for the calls procedures when told so", async () => {
    await using served = await serve({ transport: "in process" });
    const defer = createDeferClient(served.trpc, { calls: "elsewhere" });
    await expect(defer.reports.make({ year: 2001 })).rejects.toMatchObject({ data: { code: "NOT_FOUND", path: "elsewhere.start" } });
  });
});

it("shares the two subscriptions between all defer clients of one tRPC client", async () => {
  await using served = await serve({ transport: "HTTP and SSE" });
  const { script, trpc, links } = served;
  const handles = await Promise.all(Array.from({ length: 5 }, () => createDeferClient(trpc).reports.make({ year: 2001 })));
  const results = handles.map((handle) => handle.result());
  await script.until(() => handles.every(({ id }) => script.watches.some(({ calls }) => calls.some((call) => call.id === id))));
  expect(script.mostWatches).toBeLessThanOrEqual(2);
  // The proof that they could be more: another tRPC client has subscriptions of its own.
  const open = script.openWatches;
  const other = createDeferClient(createTRPCClient<ScriptedRouter>({ links })).reports.make;
  const more = handles.map(({ id }) => other.attach(id).result());
  await script.until(() => script.openWatches > open);
  for (const { id } of handles) script.succeed(id, "done");
  await expect(Promise.all([...results, ...more])).resolves.toHaveLength(10);
});

it("reads a slow reader's events again instead of keeping them all", async () => {
  await using served = await serve({ transport: "in process" });
  const { script, trpc } = served;
  const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
  script.emit(handle.id, { type: "started", attempt: 1 });
  for (let done = 1; done <= 2_500; done++) script.emit(handle.id, { type: "progress", attempt: 1, value: { done } });
  const reader = handle.events();
  const first = await reader.next();
  await script.until(() => script.openWatches === 0);
  script.succeed(handle.id, "done");
  const seqs = [first.value?.seq];
  for await (const { seq } of reader) seqs.push(seq);
  expect(seqs).toEqual(Array.from({ length: 2_503 }, (_, index) => index + 1));
  expect(script.watches.length).toBeGreaterThan(1);
});
