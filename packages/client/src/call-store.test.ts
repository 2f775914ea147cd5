/** The contract of React's `useSyncExternalStore`, held without React. */
import { TRPCError } from "@trpc/server";
import { describe, expect, expectTypeOf, it, onTestFinished, vi } from "vitest";
import { closed, watched } from "../test/reading.ts";
import { type Served, serve } from "../test/served.ts";
import { type CallStore, type CallView, callStore } from "./call-store.ts";
import { type Handle, createDeferClient } from "./index.ts";

const make = ({ trpc }: Served) => createDeferClient(trpc).reports.make({ year: 2001 });

/** Everything that a store shows to a subscriber, and the moment at which it shows something. */
function subscriber<TOutput, TProgress>(store: CallStore<TOutput, TProgress>) {
  const seen: CallView<TOutput, TProgress>[] = [];
  const waiting: { readonly holds: (view: CallView<TOutput, TProgress>) => boolean; readonly resolve: () => void }[] = [];
  const unsubscribe = store.subscribe(() => {
    seen.push(store.getSnapshot());
    for (const { holds, resolve } of waiting) if (holds(store.getSnapshot())) resolve();
  });
  return {
    seen,
    unsubscribe,
    until: (holds: (view: CallView<TOutput, TProgress>) => boolean) =>
      new Promise<void>((resolve) => {
        if (holds(store.getSnapshot())) resolve();
        else waiting.push({ holds, resolve });
      }),
  };
}

const inState = (state: CallView["state"]) => (view: CallView) => view.state === state;

describe.each(["HTTP and SSE", "in process", "HTTP without subscriptions"] as const)("over %s", (transport) => {
  it("shows a call from its beginning to its end, and follows it no longer than that", async () => {
    await using served = await serve({ transport });
    const { script } = served;
    const handle = await make(served);
    const store = callStore(handle);
    expect(store.getSnapshot()).toEqual({ state: "unknown", seq: 0, attempt: 0, progress: null, error: null });
    const { seen, until } = subscriber(store);
    await until(inState("queued"));
    script.emit(handle.id, { type: "started", attempt: 1 });
    script.emit(handle.id, { type: "progress", attempt: 1, value: { done: 1 } });
    await until(({ progress }) => progress !== null);
    expect(store.getSnapshot()).toMatchObject({ state: "running", attempt: 1, progress: { done: 1 } });
    script.succeed(handle.id, "made");
    await until(inState("succeeded"));
    expect(store.getSnapshot()).toEqual({ state: "succeeded", seq: 4, attempt: 1, progress: { done: 1 }, error: null, output: "made" });
    await closed(served);
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map(({ seq }) => seq).sort((a, b) => a - b));
    // Whoever comes later is shown the end, and nothing is asked again.
    const requests = served.requests.length;
    subscriber(store).unsubscribe();
    expect([store.getSnapshot().state, served.requests.length]).toEqual(["succeeded", requests]);
  });

  it("tells everybody, though one of them throws, and follows on", async () => {
    await using served = await serve({ transport });
    const { script } = served;
    const handle = await make(served);
    const store = callStore(handle);
    const uncaught: unknown[] = [];
    const note = (error: unknown): void => void uncaught.push(error);
    // What a listener throws goes where uncaught errors go: here the runner's own listeners wait for them.
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException").on("uncaughtException", note);
    onTestFinished(() => {
      process.removeListener("uncaughtException", note);
      for (const listener of others) process.on("uncaughtException", listener);
    });
    store.subscribe(() => {
      throw new Error("a bad render");
    });
    const { until } = subscriber(store);
    await until(inState("queued"));
    script.emit(handle.id, { type: "started", attempt: 1 });
    script.succeed(handle.id, "made");
    await until(inState("succeeded"));
    expect(store.getSnapshot()).toMatchObject({ state: "succeeded", error: null });
    await vi.waitFor(() => expect(uncaught.length).toBeGreaterThan(0), { timeout: 15_000 });
    expect(new Set(uncaught.map(String))).toEqual(new Set(["Error: a bad render"]));
  });

  it("shows every other end", async () => {
    await using served = await serve({ transport });
    const { script } = served;
    const failure = { code: "OUT_OF_PAPER", message: "No paper left." };
    const [failed, expired, cancelled] = [await make(served), await make(served), await make(served)];
    const stores = [failed, expired, cancelled].map((handle) => callStore(handle));
    script.emit(failed.id, { type: "started", attempt: 1 });
    script.emit(failed.id, { type: "failed", attempt: 1, failure });
    script.emit(expired.id, { type: "expired", failure });
    await cancelled.cancel("no longer needed");
    await Promise.all(
      stores.map((store) => subscriber(store).until(({ state }) => state !== "queued" && state !== "unknown" && state !== "running")),
    );
    expect(stores.map((store) => store.getSnapshot())).toMatchObject([
      { state: "failed", failure },
      { state: "expired", failure },
      { state: "cancelled", reason: "no longer needed" },
    ]);
  });
});

describe("a store", () => {
  it("is one for each handle, and shows the same object until something changes", async () => {
    await using served = await serve({ transport: "in process" });
    const handle = await make(served);
    const store = callStore(handle);
    expect(callStore(handle)).toBe(store);
    expect(callStore(await make(served))).not.toBe(store);
    const { until } = subscriber(store);
    await until(inState("queued"));
    const view = store.getSnapshot();
    const one = subscriber(store);
    one.unsubscribe();
    expect(store.getSnapshot()).toBe(view);
    served.script.emit(handle.id, { type: "started", attempt: 1 });
    await until(inState("running"));
    expect(view.state).toBe("queued");
  });

  it("follows while somebody is subscribed, once for all of them, and goes on where it was", async () => {
    await using served = await serve({ transport: "in process" });
    const { script } = served;
    const handle = await make(served);
    const store = callStore(handle);
    const [one, other] = [subscriber(store), subscriber(store)];
    await Promise.all([one.until(inState("queued")), other.until(inState("queued"))]);
    expect(script.watches).toHaveLength(1);
    one.unsubscribe();
    one.unsubscribe();
    expect(script.openWatches).toBe(1);
    other.unsubscribe();
    await closed(served);
    script.emit(handle.id, { type: "started", attempt: 1 });
    expect(store.getSnapshot().state).toBe("queued");
    const again = subscriber(store);
    await again.until(inState("running"));
    expect(script.watches.at(-1)?.calls).toEqual([{ id: handle.id, after: 1 }]);
    expect([one.seen.length, other.seen.length]).toEqual([1, 1]);
  });

  it("is followed once when a subscriber comes, goes and comes again at once, as under React's strict mode", async () => {
    await using served = await serve({ transport: "in process" });
    const handle = await make(served);
    const store = callStore(handle);
    subscriber(store).unsubscribe();
    const { until, seen } = subscriber(store);
    await until(inState("queued"));
    served.script.succeed(handle.id, "made");
    await until(inState("succeeded"));
    expect(served.script.watches).toHaveLength(1);
    expect(seen.map(({ state }) => state)).toEqual(["queued", "running", "succeeded"]);
  });

  it("tells why a call cannot be followed, and tries again for the next subscriber", async () => {
    await using served = await serve({ transport: "HTTP and SSE" });
    const { script } = served;
    script.guard = (procedure) => {
      if (procedure === "watch") throw new TRPCError({ code: "FORBIDDEN", message: "Not for you." });
    };
    const handle = await make(served);
    const store = callStore(handle);
    const refused = subscriber(store);
    await refused.until(({ error }) => error !== null);
    expect(store.getSnapshot()).toMatchObject({ state: "unknown", error: { data: { code: "FORBIDDEN" } } });
    refused.unsubscribe();
    script.guard = () => {};
    const { until } = subscriber(store);
    expect(store.getSnapshot().error).toBeNull();
    await until(inState("queued"));
    expect(refused.seen).toHaveLength(1);
  });

  it("shows a retry as queued, and forgets the progress of an attempt when the next begins", async () => {
    await using served = await serve({ transport: "in process" });
    const { script } = served;
    const handle = await make(served);
    const store = callStore(handle);
    const { until, unsubscribe } = subscriber(store);
    await watched(script, handle.id);
    script.emit(handle.id, { type: "started", attempt: 1 });
    script.emit(handle.id, { type: "progress", attempt: 1, value: { done: 1 } });
    script.emit(handle.id, { type: "retrying", attempt: 1, reason: "lost", failure: null, delayMs: 0 });
    await until(({ seq }) => seq === 4);
    expect(store.getSnapshot()).toMatchObject({ state: "queued", attempt: 1, progress: { done: 1 } });
    script.emit(handle.id, { type: "started", attempt: 2 });
    await until(({ seq }) => seq === 5);
    expect(store.getSnapshot()).toMatchObject({ state: "running", attempt: 2, progress: null });
    unsubscribe();
  });

  it("has the types of its handle", () => {
    const typed = (handle: Handle<Date, { done: number }>) => {
      const view = callStore(handle).getSnapshot();
      expectTypeOf(view.progress).toEqualTypeOf<{ done: number } | null>();
      if (view.state === "succeeded") expectTypeOf(view.output).toEqualTypeOf<Date>();
      // @ts-expect-error an open call has no output
      else void view.output;
    };
    expect(typed).toBeTypeOf("function");
  });
});
