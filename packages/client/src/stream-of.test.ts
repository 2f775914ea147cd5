import { describe, expect, it } from "vitest";
import type { ScriptedRouter } from "../test/scripted-calls.ts";
import { serve } from "../test/served.ts";
import { deferLink } from "./index.ts";

/** A durable call site of a procedure that streams. */
async function streaming(transport: "HTTP and SSE" | "WebSocket" | "HTTP without subscriptions", signal?: AbortSignal) {
  const served = await serve({ transport, before: [deferLink<ScriptedRouter>()] });
  const { script, trpc } = served;
  script.streams = true;
  const options = { context: { mode: "async" }, ...(signal === undefined ? {} : { signal }) };
  const stream = (await trpc.reports.make.mutate({ year: 2001 }, options)) as unknown as AsyncGenerator<unknown, unknown>;
  const id = [...script.calls.keys()][0]!;
  script.emit(id, { type: "started", attempt: 1 });
  return { served, script, stream, id };
}

describe.each(["HTTP and SSE", "WebSocket"] as const)("a durable call site over %s", (transport) => {
  it("gives an iterable of what is yielded, and returns the result", async () => {
    const { served, script, stream, id } = await streaming(transport);
    await using _ = served;
    for (const value of ["a", "a", "b"]) {
      script.emit(id, { type: "yielded", attempt: 1, value });
      expect(await stream.next()).toEqual({ done: false, value });
    }
    script.emit(id, { type: "succeeded", attempt: 1, output: { year: 2001 } });
    expect(await stream.next()).toEqual({ done: true, value: { year: 2001 } });
  });

  it("goes on in the next attempt while nothing was told, and fails where something was", async () => {
    const { served, script, stream, id } = await streaming(transport);
    await using _ = served;
    const again = { type: "retrying", reason: "lost", failure: null, delayMs: 0 } as const;
    script.emit(id, { ...again, attempt: 1 });
    script.emit(id, { type: "started", attempt: 2 });
    script.emit(id, { type: "yielded", attempt: 2, value: "a" });
    expect(await stream.next()).toEqual({ done: false, value: "a" });
    script.emit(id, { ...again, attempt: 2 });
    await expect(stream.next()).rejects.toMatchObject({ name: "TRPCClientError", message: expect.stringContaining("handle") as string });
    await script.until(() => script.openWatches === 0);
  });

  it("fails as the call does", async () => {
    const { served, script, stream, id } = await streaming(transport);
    await using _ = served;
    script.emit(id, { type: "failed", attempt: 1, failure: { code: "FORBIDDEN", message: "No." } });
    await expect(stream.next()).rejects.toMatchObject({
      name: "TRPCClientError",
      data: { code: "FORBIDDEN" },
      cause: { _tag: "CallFailed" },
    });
  });

  it("stops following when its reader leaves, or the signal aborts, and leaves the call alone", async () => {
    const abort = new AbortController();
    for (const leave of [(stream: AsyncGenerator) => stream.return(undefined), async () => abort.abort()]) {
      const { served, script, stream, id } = await streaming(transport, abort.signal);
      await using _ = served;
      script.emit(id, { type: "yielded", attempt: 1, value: "a" });
      expect(await stream.next()).toEqual({ done: false, value: "a" });
      await leave(stream);
      await script.until(() => script.openWatches === 0);
      expect(script.snapshot(id).state).toBe("running");
    }
  });
});

it("without a subscription it fails, instead of telling too little", async () => {
  const { served, script, stream, id } = await streaming("HTTP without subscriptions");
  await using _ = served;
  script.emit(id, { type: "yielded", attempt: 1, value: "a" });
  script.emit(id, { type: "yielded", attempt: 1, value: "b" });
  script.emit(id, { type: "succeeded", attempt: 1, output: { year: 2001 } });
  await expect(stream.next()).rejects.toMatchObject({ message: "A stream needs a subscription." });
});
