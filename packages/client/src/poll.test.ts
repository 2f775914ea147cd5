import { TRPCError } from "@trpc/server";
import { describe, expect, it, vi } from "vitest";
import { serve } from "../test/served.ts";
import { createDeferClient } from "./index.ts";

describe("over HTTP without subscriptions", () => {
  const options = { transport: "HTTP without subscriptions" } as const;

  it("long-polls", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const result = handle.result();
    await script.until(() => script.asked.wait === 1);
    script.succeed(handle.id, "done");
    await expect(result).resolves.toBe("done");
    // One look, and one wait that was answered when the call ended.
    expect(script.asked).toEqual({ get: 1, wait: 1, cancel: 0 });
    expect(served.requests.filter((url) => url.includes("calls.wait")).map(decodeURIComponent)).toEqual([
      expect.stringContaining(`"timeoutMs":30000`),
    ]);
  });

  it("derives events from what it finds", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const events = handle.events();
    await expect(events.next()).resolves.toMatchObject({ value: { type: "queued", seq: 1 } });
    script.emit(handle.id, { type: "started", attempt: 1 });
    script.emit(handle.id, { type: "progress", attempt: 1, value: { done: 1 } });
    await expect(events.next()).resolves.toMatchObject({ value: { type: "started", attempt: 1 } });
    await expect(events.next()).resolves.toMatchObject({ value: { type: "progress", value: { done: 1 } } });
    script.succeed(handle.id, "done");
    await expect(events.next()).resolves.toMatchObject({ value: { type: "succeeded", seq: 4, output: "done" } });
    await expect(events.next()).resolves.toEqual({ value: undefined, done: true });
  });

  it("does not keep a newcomer waiting behind a long wait", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const defer = createDeferClient(trpc);
    const [slow, quick] = await Promise.all([defer.reports.make({ year: 1 }), defer.reports.make({ year: 2 })]);
    const slowly = slow.result();
    await script.until(() => script.asked.wait === 1);
    script.succeed(quick.id, "quick");
    await expect(quick.result()).resolves.toBe("quick");
    script.succeed(slow.id, "slow");
    await expect(slowly).resolves.toBe("slow");
  });

  it("stops asking when nobody waits", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const abort = new AbortController();
    const result = handle.result({ signal: abort.signal });
    await script.until(() => script.asked.wait === 1);
    abort.abort("enough");
    await expect(result).rejects.toBe("enough");
    // The request itself was aborted: a server that closes waits for nothing.
    script.succeed(handle.id, "done");
    await expect(handle.result()).resolves.toBe("done");
    expect(script.asked.wait).toBe(1);
  });

  it("rejects when the requests are refused", async () => {
    await using served = await serve(options);
    const { script, trpc } = served;
    script.guard = (procedure) => {
      if (procedure === "get") throw new TRPCError({ code: "UNAUTHORIZED" });
    };
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    await expect(handle.result()).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
  });

  it("goes on over lost connections", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    await using served = await serve(options);
    const { script, trpc } = served;
    const handle = await createDeferClient(trpc).reports.make({ year: 2001 });
    const result = handle.result();
    for (let round = 1; round <= 3; round++) {
      await script.until(() => script.asked.wait === round);
      served.cut();
    }
    await script.until(() => script.asked.wait === 4);
    script.succeed(handle.id, "done");
    await expect(result).resolves.toBe("done");
  });
});
