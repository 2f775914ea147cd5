/** Proxies that hold bytes or cut the idle, connections that go silent, sessions that are revoked: over server-sent events and WebSocket. */
import { createDeferClient } from "@raincheck/client";
import { describe, expect, it, vi } from "vitest";
import { runApplication } from "./application.ts";
import { openBadProxy } from "./bad-proxy.ts";

const patience = { timeout: 15_000 };
const transports = ["HTTP and SSE", "WebSocket"] as const;

async function collect<TEvent>(events: AsyncIterable<TEvent>): Promise<TEvent[]> {
  const all: TEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const whole = ["1 queued", "2 started", "3 progress", "4 succeeded"];
const told = (events: readonly { seq: number; type: string }[]) => events.map(({ seq, type }) => `${seq} ${type}`);

describe("a proxy that cuts whoever says nothing", () => {
  it("cuts no watch that is pinged, however long nothing happens", async () => {
    await using app = await runApplication({ sse: { ping: { enabled: true, intervalMs: 50 } } });
    await using proxy = await openBadProxy(app.port, { idleMs: 400 });
    const handle = await createDeferClient(app.client("HTTP and SSE", app.port)).make();
    const following = createDeferClient(app.client("HTTP and SSE", proxy.port)).make.attach(handle.id);
    const events = collect(following.events());
    await vi.waitFor(() => expect(app.watched()).toBe(1), patience);
    const begun = performance.now();
    await vi.waitFor(() => expect(performance.now() - begun).toBeGreaterThan(1_500), patience);
    expect(proxy.connections).toBe(1);
    const call = await app.claim();
    await app.progress(call, 1);
    await app.finish(call);
    expect(told(await events)).toEqual(whole);
    expect(proxy.connections).toBe(1);
  });

  it.each(transports)("costs a watch that is not pinged nothing but new connections (%s)", async (transport) => {
    await using app = await runApplication({ sse: { ping: { enabled: false } } });
    await using proxy = await openBadProxy(app.port, { idleMs: 100 });
    const handle = await createDeferClient(app.client("HTTP and SSE", app.port)).make();
    const following = createDeferClient(app.client(transport, proxy.port)).make.attach(handle.id);
    const events = collect(following.events());
    const call = await app.claim();
    await vi.waitFor(() => expect(proxy.connections).toBeGreaterThan(3), patience);
    await app.progress(call, 1);
    const { connections } = proxy;
    await vi.waitFor(() => expect(proxy.connections).toBeGreaterThan(connections + 1), patience);
    await app.finish(call);
    expect(told(await events)).toEqual(whole);
  });
});

it("a proxy that holds bytes until there are many does not hold up a result for longer than the client's patience", async () => {
  await using app = await runApplication({});
  await using proxy = await openBadProxy(app.port, { holdBytes: 4_096 });
  const { make } = createDeferClient(app.client("HTTP and SSE", app.port, { streams: proxy.port }));
  const handle = await make();
  const result = handle.result();
  await vi.waitFor(() => expect(app.watched()).toBe(1), patience);
  await app.finish(await app.claim());
  await expect(result).resolves.toBe("made");
  expect(proxy.connections).toBe(1);
});

it("the first byte comes at once, and says that no proxy shall hold it", async () => {
  await using app = await runApplication({});
  const handle = await createDeferClient(app.client("HTTP and SSE", app.port)).make();
  const input = encodeURIComponent(JSON.stringify({ calls: [{ id: handle.id, after: 1 }] }));
  const abort = new AbortController();
  const response = await fetch(`http://127.0.0.1:${app.port}/calls.watch?input=${input}`, {
    headers: { accept: "text/event-stream", "x-user": "ada" },
    signal: abort.signal,
  });
  expect(response.headers.get("x-accel-buffering")).toBe("no");
  expect(response.headers.get("cache-control")).toContain("no-transform");
  const { value } = await response.body!.getReader().read();
  expect(new TextDecoder().decode(value)).toContain("event: connected");
  abort.abort();
  await vi.waitFor(() => expect(app.watched()).toBe(0), patience);
});

describe("connections that go silent without being closed", () => {
  const clients = 50;

  it("are let go by the server after maxDurationMs over SSE, and the living go on where they were", async () => {
    await using app = await runApplication({ sse: { maxDurationMs: 3_000 } });
    await using proxy = await openBadProxy(app.port, {});
    const handle = await createDeferClient(app.client("HTTP and SSE", app.port)).make();
    const leaving = new AbortController();
    const dead = Array.from({ length: clients }, () => {
      const { make } = createDeferClient(app.client("HTTP and SSE", proxy.port));
      return make.attach(handle.id).result({ signal: leaving.signal });
    });
    const settled = Promise.allSettled(dead);
    await vi.waitFor(() => expect(app.watched()).toBe(clients), patience);
    proxy.silenceAll();
    leaving.abort();
    await settled;
    const living = collect(createDeferClient(app.client("HTTP and SSE", app.port)).make.attach(handle.id).events());
    await vi.waitFor(() => expect(app.watched()).toBe(1), patience);
    const call = await app.claim();
    await app.progress(call, 1);
    await app.finish(call);
    expect(told(await living)).toEqual(whole);
    await vi.waitFor(() => expect(app.watched()).toBe(0), patience);
  });

  it("are let go by the server after a ping without a pong over WebSocket", async () => {
    await using app = await runApplication({ keepAlive: { enabled: true, pingMs: 200, pongWaitMs: 200 } });
    await using proxy = await openBadProxy(app.port, {});
    const handle = await createDeferClient(app.client("HTTP and SSE", app.port)).make();
    const leaving = new AbortController();
    const dead = Array.from({ length: clients }, () => {
      const { make } = createDeferClient(app.client("WebSocket", proxy.port));
      return make.attach(handle.id).result({ signal: leaving.signal });
    });
    const settled = Promise.allSettled(dead);
    await vi.waitFor(() => expect(app.watched()).toBe(clients), patience);
    const { connections } = proxy;
    proxy.silenceAll();
    await vi.waitFor(() => expect(app.watched()).toBe(0), patience);
    expect(proxy.connections).toBe(connections);
    leaving.abort();
    await settled;
  });

  it("are noticed by the client, which goes on where it was", async () => {
    await using app = await runApplication({
      sse: { ping: { enabled: true, intervalMs: 100 }, client: { reconnectAfterInactivityMs: 400 } },
    });
    await using proxy = await openBadProxy(app.port, {});
    const { make } = createDeferClient(app.client("HTTP and SSE", proxy.port));
    const handle = await createDeferClient(app.client("HTTP and SSE", app.port)).make();
    const events = make.attach(handle.id).events();
    const seen = [(await events.next()).value!];
    proxy.silenceAll();
    const call = await app.claim();
    await app.progress(call, 1);
    await app.finish(call);
    seen.push(...(await collect(events)));
    expect(told(seen)).toEqual(whole);
  });
});

describe("two hundred calls", () => {
  it.each(transports)("are followed by one client, and nothing of them is lost when its connections are cut (%s)", async (transport) => {
    await using app = await runApplication({});
    await using proxy = await openBadProxy(app.port, {});
    const { make } = createDeferClient(app.client("HTTP and SSE", app.port));
    const handles = await Promise.all(Array.from({ length: 200 }, () => make()));
    const following = createDeferClient(app.client(transport, app.port, { streams: proxy.port })).make;
    const reading = Promise.all(handles.map(({ id }) => collect(following.attach(id).events())));
    await vi.waitFor(() => expect(app.watched()).toBe(200), patience);
    const calls = [];
    for (let count = 0; count < 200; count++) calls.push(await app.claim());
    for (const call of calls.slice(0, 100)) await app.progress(call, 1);
    proxy.cutAll();
    for (const call of calls.slice(100)) await app.progress(call, 1);
    for (const call of calls.slice(0, 100)) await app.finish(call);
    proxy.cutAll();
    for (const call of calls.slice(100)) await app.finish(call);
    expect((await reading).map(told)).toEqual(handles.map(() => whole));
    await vi.waitFor(() => expect(app.watched()).toBe(0), patience);
  });
});

describe("a session that is revoked", () => {
  it.each(transports)("ends the watches of its user, and nobody else's (%s)", async (transport) => {
    await using app = await runApplication({ calls: { recheck: "100 millis" } });
    const [bobs, adas] = ["bob", "ada"].map((user) => createDeferClient(app.client(transport, app.port, { user })));
    const [bob, ada] = [await bobs!.make(), await adas!.make()];
    const [lost, kept] = [bob.result(), ada.result()];
    await vi.waitFor(() => expect(app.watched()).toBe(2), patience);
    app.revoked.add("bob");
    await expect(lost).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
    await expect(bob.result()).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
    await vi.waitFor(() => expect(app.watched()).toBe(1), patience);
    await app.finish(await app.claim());
    await app.finish(await app.claim());
    await expect(kept).resolves.toBe("made");
  });
});
