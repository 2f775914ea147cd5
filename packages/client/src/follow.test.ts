import type { CallEvent } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";
import { describe, expect, it } from "vitest";
import { closed, collect, seqs, watched } from "../test/reading.ts";
import { type Transport, serve } from "../test/served.ts";
import { createDeferClient, hasTag } from "./index.ts";

const transports: readonly { transport: Transport; transformed: boolean }[] = [
  { transport: "HTTP and SSE", transformed: false },
  { transport: "HTTP and SSE", transformed: true },
  { transport: "WebSocket", transformed: false },
  { transport: "WebSocket", transformed: true },
  { transport: "in process", transformed: false },
];

describe.each(transports)("over $transport, transformed: $transformed", (options) => {
  it("hands out a result that comes later, and closes the subscription", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const result = handle.result();
    await watched(script, handle.id);
    script.succeed(handle.id, { year: 2001 });
    await expect(result).resolves.toEqual({ year: 2001 });
    await closed(served);
    expect(script.starts).toEqual([
      { path: "reports.make", input: { year: 2001 }, options: { idempotencyKey: expect.stringMatching(/^[0-9a-f-]{36}$/) } },
    ]);
  });

  it("hands out a result that was there before, without waiting", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const defer = createDeferClient(trpc);
    const handle = await defer.reports.make({ year: 2001 });
    script.succeed(handle.id, "early");
    await expect(handle.result()).resolves.toBe("early");
    await expect(handle.result()).resolves.toBe("early");
    // A handle from elsewhere asks once and needs no subscription.
    const before = script.watches.length;
    await expect(defer.reports.make.attach(JSON.stringify(handle)).result()).resolves.toBe("early");
    expect(script.watches).toHaveLength(before);
  });

  it("keeps two subscriptions at most for 200 handles", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const defer = createDeferClient(trpc);
    const handles = await Promise.all(Array.from({ length: 200 }, (_, year) => defer.reports.make({ year })));
    const results = Promise.all(handles.map((handle) => handle.result()));
    await Promise.all(handles.map(({ id }) => watched(script, id)));
    for (const [year, { id }] of handles.entries()) script.succeed(id, year);
    await expect(results).resolves.toEqual(handles.map((_, year) => year));
    await closed(served);
    expect(script.mostWatches).toBeLessThanOrEqual(2);
    expect(script.watches.length).toBeLessThanOrEqual(3);
    expect(script.asked).toMatchObject({ wait: 0, get: 0 });
  });

  it("shows each event once and in order to readers who come early, late and twice", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const reader = handle.events();
    script.emit(handle.id, { type: "started", attempt: 1 });
    for (let done = 1; done <= 3; done++) script.emit(handle.id, { type: "progress", attempt: 1, value: { done } });
    const first: CallEvent[] = [];
    while (first.length < 5) first.push((await reader.next()).value!);
    const early = collect(reader).then((rest) => [...first, ...rest]);
    const late = collect(handle.events());
    const later = collect(handle.events({ after: 3 }));
    const result = handle.result();
    await script.until(() => script.watches.length >= 2);
    script.emit(handle.id, { type: "retrying", attempt: 1, reason: "lost", failure: null, delayMs: 0 });
    script.succeed(handle.id, "done");
    expect(seqs(await early)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await late).toEqual(await early);
    expect(seqs(await later)).toEqual([4, 5, 6, 7, 8]);
    expect((await early).at(-1)).toMatchObject({ type: "succeeded", output: "done" });
    await expect(result).resolves.toBe("done");
    expect(seqs(await collect(handle.events({ after: 7 })))).toEqual([8]);
    expect(seqs(await collect(handle.events({ after: 8 })))).toEqual([]);
    expect(script.mostWatches).toBeLessThanOrEqual(2);
  });

  it("drops repeats, and reads again behind a gap", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    let dropped = 0;
    script.tamper = (message) => {
      if (!("event" in message)) return [message];
      if (message.event.seq === 3 && dropped++ === 0) return [];
      return [message, message];
    };
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const events = collect(handle.events());
    script.emit(handle.id, { type: "started", attempt: 1 });
    for (let done = 1; done <= 3; done++) script.emit(handle.id, { type: "progress", attempt: 1, value: { done } });
    script.succeed(handle.id, "done");
    expect(seqs(await events)).toEqual([1, 2, 3, 4, 5, 6]);
    // The proof that the gap was there: it was filled by another subscription, from the last good event.
    expect(dropped).toBeGreaterThan(1);
    expect(script.watches.at(-1)?.calls).toEqual([{ id: handle.id, after: 2 }]);
  });

  it("begins anew when the server does not know the cursor", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    let refused = 0;
    script.tamper = (message) =>
      "event" in message && message.event.seq === 2 && refused++ === 0 ? [{ id: message.id, refused: "UNKNOWN_CURSOR" }] : [message];
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const events = collect(handle.events());
    script.succeed(handle.id, "done");
    expect(seqs(await events)).toEqual([1, 2, 3]);
    expect(refused).toBe(2);
    expect(script.watches.at(-1)?.calls).toEqual([{ id: handle.id }]);
  });

  it("goes by snapshots when a call's log cannot be read", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    script.tamper = (message) => ("event" in message && message.event.seq === 2 ? [] : [message]);
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    script.succeed(handle.id, "done");
    await expect(handle.result()).resolves.toBe("done");
    expect(script.asked.get).toBeGreaterThan(0);
    await closed(served);
  });

  it("resumes where the server ended the subscription", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const events = collect(handle.events());
    await watched(script, handle.id);
    script.emit(handle.id, { type: "started", attempt: 1 });
    for (let done = 1; done <= 3; done++) {
      const watches = script.watches.length;
      script.recycle.abort();
      script.recycle = new AbortController();
      script.emit(handle.id, { type: "progress", attempt: 1, value: { done } });
      await script.until(() => script.watches.length > watches && script.openWatches === 1);
    }
    script.succeed(handle.id, "done");
    expect(seqs(await events)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(script.mostWatches).toBe(1);
  });

  it("rejects with the signal's reason, stops following, and leaves the call alone", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const reason = new Error("gone to lunch");
    const abort = new AbortController();
    const result = handle.result({ signal: abort.signal });
    const other = handle.result();
    const events = collect(handle.events({ signal: abort.signal }));
    await watched(script, handle.id);
    abort.abort(reason);
    await expect(result).rejects.toBe(reason);
    await expect(events).rejects.toBe(reason);
    await expect(handle.result({ signal: abort.signal })).rejects.toBe(reason);
    expect(script.openWatches).toBe(1);
    script.succeed(handle.id, "done");
    await expect(other).resolves.toBe("done");

    const second = await createDeferClient(trpc).reports.make({ year: 2002 });
    const alone = new AbortController();
    const lonely = second.result({ signal: alone.signal });
    await watched(script, second.id);
    alone.abort(reason);
    await expect(lonely).rejects.toBe(reason);
    await closed(served);
    expect(script.snapshot(second.id).state).toBe("queued");
  });

  it("stops following when a reader leaves the loop", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    for await (const event of handle.events()) {
      expect(event.type).toBe("queued");
      break;
    }
    await closed(served);
    expect(script.watches).toHaveLength(1);
  });

  it("cancels, and tells it to whoever waits", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const result = handle.result();
    await watched(script, handle.id);
    await expect(handle.cancel("no longer needed")).resolves.toBe(true);
    await expect(result).rejects.toMatchObject({
      _tag: "CallCancelled",
      reason: "no longer needed",
      call: { id: handle.id, path: "reports.make" },
    });
    await expect(handle.cancel()).resolves.toBe(false);
    await expect(handle.get()).resolves.toMatchObject({ state: "cancelled", cancelReason: "no longer needed" });
  });

  it("throws failures by their tag and code", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const defer = createDeferClient(trpc);
    const failed = await defer.reports.make({ year: 2001 });
    const expired = await defer.reports.make({ year: 2002 });
    script.emit(failed.id, { type: "started", attempt: 1 });
    script.emit(failed.id, { type: "failed", attempt: 1, failure: { code: "OUT_OF_PAPER", message: "No paper left.", data: { tray: 2 } } });
    script.emit(expired.id, { type: "expired", failure: { code: "START_BY_PASSED", message: "Too late." } });
    const error = await failed.result().catch((thrown: unknown) => thrown);
    expect(hasTag(error, "CallFailed")).toBe(true);
    expect(error).toMatchObject({ code: "OUT_OF_PAPER", message: "No paper left.", failure: { data: { tray: 2 } } });
    await expect(expired.result()).rejects.toMatchObject({ _tag: "CallExpired", code: "START_BY_PASSED" });
    expect((await collect(failed.events())).at(-1)).toMatchObject({ type: "failed" });
  });

  it("rejects for a call that is not there", async () => {
    await using served = await serve(options);
    const lost = createDeferClient(served.trpc).reports.make.attach("00000000-0000-4000-8000-000000000000");
    await expect(lost.result()).rejects.toMatchObject({ name: "TRPCClientError", data: { code: "NOT_FOUND" } });
    await expect(collect(lost.events())).rejects.toMatchObject({ name: "TRPCClientError", data: { code: "NOT_FOUND" } });
    await expect(lost.get()).rejects.toMatchObject({ name: "TRPCClientError", data: { code: "NOT_FOUND" } });
    await closed(served);
  });

  it("rejects everybody when the subscription is forbidden", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    script.guard = (procedure) => {
      if (procedure === "watch") throw new TRPCError({ code: "FORBIDDEN", message: "Not for you." });
    };
    const defer = createDeferClient(trpc);
    const handles = await Promise.all([defer.reports.make({ year: 1 }), defer.reports.make({ year: 2 })]);
    const results = await Promise.allSettled([...handles.map((handle) => handle.result()), collect(handles[0].events())]);
    for (const result of results) expect(result).toMatchObject({ status: "rejected", reason: { data: { code: "FORBIDDEN" } } });
    // It is asked anew each time, and not for ever refused.
    script.guard = () => {};
    script.succeed(handles[0].id, "allowed");
    await expect(handles[0].result()).resolves.toBe("allowed");
  });

  it("goes by requests while the server cannot serve the subscription", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    let refusals = 0;
    script.guard = (procedure) => {
      if (procedure !== "watch") return;
      refusals += 1;
      throw new TRPCError({ code: "NOT_FOUND", message: "No such procedure." });
    };
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const result = handle.result();
    await script.until(() => script.asked.wait > 0);
    expect(refusals).toBeGreaterThan(0);
    script.succeed(handle.id, "by request");
    await expect(result).resolves.toBe("by request");
  });
});

describe.each(["HTTP and SSE", "WebSocket"] as const)("over %s, cut off", (transport) => {
  it("resumes without a gap and without a repeat", async () => {
    await using served = await serve({ transport });
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const result = handle.result();
    const reader = handle.events();
    const read = [(await reader.next()).value!];
    script.emit(handle.id, { type: "started", attempt: 1 });
    read.push((await reader.next()).value!);
    for (let done = 1; done <= 5; done++) {
      served.cut();
      script.emit(handle.id, { type: "progress", attempt: 1, value: { done } });
      read.push((await reader.next()).value!);
    }
    script.succeed(handle.id, "done");
    read.push(...(await collect(reader)));
    expect(seqs(read)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await expect(result).resolves.toBe("done");
    expect(script.watches).toHaveLength(6);
    await closed(served);
  });
});

describe("more calls than a subscription can name", () => {
  it("finds out how many fit, and lets the calls take turns", async () => {
    await using served = await serve({ transport: "HTTP and SSE", maxUrlBytes: 4_000 });
    const { script, trpc } = served;
    const defer = createDeferClient(trpc);
    const handles = [];
    // In portions, because the starts are in one URL-free POST but the limit is for every request.
    for (let year = 0; year < 120; year++) handles.push(await defer.reports.make({ year }));
    const results = Promise.all(handles.map((handle) => handle.result()));
    await Promise.all(handles.map(({ id }) => watched(script, id)));
    for (const [year, { id }] of handles.entries()) script.succeed(id, year);
    await expect(results).resolves.toEqual(handles.map((_, year) => year));
    expect(served.requests.some((url) => url.length > 4_000)).toBe(true);
    expect(script.mostWatches).toBeLessThanOrEqual(2);
    expect(script.asked.wait).toBe(0);
  });
});
