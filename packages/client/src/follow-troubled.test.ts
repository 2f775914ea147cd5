/** The follower against a channel that the test holds in its hands, on a clock of its own. */
import { type CallEvent, type CallId, type CallSnapshot, type WatchRequest, limits } from "@raincheck/protocol";
import { TRPCClientError } from "@trpc/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CallsChannel, WatchObserver } from "./calls-channel.ts";
import { Follower } from "./follow.ts";

interface HeldWatch extends WatchObserver {
  readonly request: WatchRequest;
  /** Opens, and tells of each call that is new in it that it is queued. */
  readonly arrived: () => void;
  closed: boolean;
}

/** A channel whose subscriptions and requests do nothing until the test says so. */
function heldChannel(options: { readonly refuse?: (request: WatchRequest) => boolean } = {}) {
  const watches: HeldWatch[] = [];
  const requests: { readonly name: "get" | "wait"; readonly timeoutMs: number | undefined; readonly signal: AbortSignal | undefined }[] =
    [];
  let snapshot = (id: CallId): Promise<CallSnapshot> => Promise.resolve(queued(id));
  const ask =
    (name: "get" | "wait") =>
    (request: { id: CallId; timeoutMs?: number }, { signal }: { signal?: AbortSignal | undefined } = {}) => {
      requests.push({ name, timeoutMs: request.timeoutMs, signal });
      if (name === "get") return snapshot(request.id);
      return new Promise<CallSnapshot>((resolve, reject) => {
        const timer = setTimeout(() => resolve(snapshot(request.id)), request.timeoutMs);
        signal?.addEventListener("abort", () => {
          clearTimeout(timer);
          reject(signal.reason);
        });
      });
    };
  const channel: CallsChannel = {
    start: () => Promise.reject(new Error("not asked for")),
    cancel: () => Promise.reject(new Error("not asked for")),
    get: ask("get"),
    wait: ask("wait"),
    watch: (request, observer) => {
      const arrived = (): void => {
        observer.opened();
        for (const { id, after } of request.calls) if (after === undefined) observer.message(event(id, 1));
      };
      const watch: HeldWatch = { ...observer, request, arrived, closed: false };
      watches.push(watch);
      if (options.refuse?.(request)) queueMicrotask(() => observer.ended(TRPCClientError.from(new Error("414"))));
      return () => {
        watch.closed = true;
      };
    },
  };
  return {
    channel,
    watches,
    requests,
    open: () => watches.filter(({ closed }) => !closed),
    answer: (next: typeof snapshot) => {
      snapshot = next;
    },
  };
}

const at = "2001-01-01T00:00:00.000Z";
const queued = (id: CallId): CallSnapshot => ({
  id,
  path: "p",
  state: "queued",
  seq: 1,
  attempt: 0,
  progress: null,
  createdAt: at,
  startedAt: null,
  endedAt: null,
});
const succeeded = (id: CallId): CallSnapshot => ({
  ...queued(id),
  state: "succeeded",
  seq: 3,
  attempt: 1,
  startedAt: at,
  endedAt: at,
  output: id,
});
const event = (id: CallId, seq: number, type: "queued" | "started" = "queued") =>
  ({ id, event: type === "queued" ? { type, seq, at } : { type, seq, at, attempt: 1 } }) as const;

/** Follows a call and keeps what it hears. */
function follow(follower: Follower, id: CallId, { withEvents = false } = {}) {
  const heard = { events: [] as CallEvent[], end: null as unknown, error: null as unknown };
  const stop = follower.follow(id, 0, {
    ...(withEvents ? { event: (one: CallEvent) => void heard.events.push(one) } : {}),
    ended: (end) => (heard.end = end),
    failed: (error) => (heard.error = error),
  });
  return { heard, stop };
}

const settled = () => vi.advanceTimersByTimeAsync(0);
const named = (watch: HeldWatch) => watch.request.calls.map(({ id }) => id);
const ids = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `call-${from + index}`);

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1);
});
afterEach(() => {
  vi.useRealTimers();
});

describe("gathering", () => {
  it("names the calls of one turn in one subscription, and those that come while it opens in a second", async () => {
    const { channel, watches } = heldChannel();
    const follower = new Follower(channel);
    for (const id of ids(3)) follow(follower, id);
    await settled();
    for (const id of ids(4, 3)) {
      follow(follower, id);
      await settled();
    }
    expect(watches.map(named)).toEqual([ids(3)]);
    watches[0]!.arrived();
    await settled();
    expect(watches.map(named)).toEqual([ids(3), ids(4, 3)]);
  });

  it("lets nobody join a subscription that has not told yet of each call that is new in it", async () => {
    const { channel, watches } = heldChannel();
    const follower = new Follower(channel);
    const gone = follow(follower, "gone");
    for (const id of ["told", "refused", "late"]) follow(follower, id);
    await settled();
    watches[0]!.opened();
    follow(follower, "next");
    await settled();
    watches[0]!.message(event("told", 1));
    watches[0]!.message({ id: "refused", refused: "NOT_FOUND" });
    gone.stop();
    await settled();
    expect(watches).toHaveLength(1);
    watches[0]!.message(event("late", 1));
    await settled();
    expect(watches.map(named)).toEqual([["gone", "told", "refused", "late"], ["next"]]);
  });

  it("does not wait for a call of which it has a cursor: nothing may have happened behind it", async () => {
    const { channel, watches } = heldChannel();
    const follower = new Follower(channel);
    follow(follower, "call");
    await settled();
    watches[0]!.arrived();
    watches[0]!.ended(null);
    await settled();
    expect(watches[1]!.request.calls).toEqual([{ id: "call", after: 1 }]);
    watches[1]!.opened();
    follow(follower, "next");
    await settled();
    expect(watches.slice(2).map(named)).toEqual([["next"]]);
  });

  it("lets them join after five seconds, whatever it has told", async () => {
    const { channel, watches } = heldChannel();
    const follower = new Follower(channel);
    follow(follower, "call");
    await settled();
    watches[0]!.opened();
    follow(follower, "next");
    await vi.advanceTimersByTimeAsync(4_999);
    expect(watches).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(watches.map(named)).toEqual([["call"], ["next"]]);
  });

  it("lets a trickle of calls join with few ids each, over two subscriptions at most", async () => {
    const held = heldChannel();
    const follower = new Follower(held.channel);
    const count = 400;
    for (const id of ids(count)) {
      follow(follower, id);
      await settled();
      for (const watch of held.open()) watch.arrived();
      await settled();
      expect(held.open().length).toBeLessThanOrEqual(2);
    }
    expect(held.open().flatMap(named).sort()).toEqual(ids(count).sort());
    const sent = held.watches.reduce((sum, { request }) => sum + request.calls.length, 0);
    // Each time all of them would be 80,000, each time half of them 40,000.
    expect(sent).toBeLessThan(14_000);
  });

  describe("while one subscription takes over the calls of two", () => {
    /** Nine calls in the larger one, four in the smaller; one more comes. */
    async function takeOver() {
      const held = heldChannel();
      const follower = new Follower(held.channel);
      const followed = ids(9).map((id) => follow(follower, id, { withEvents: true }));
      await settled();
      held.watches[0]!.arrived();
      followed.push(...ids(4, 9).map((id) => follow(follower, id)));
      await settled();
      held.watches[1]!.arrived();
      followed.push(follow(follower, "call-13"));
      await settled();
      const [larger, smaller, next] = held.watches as [HeldWatch, HeldWatch, HeldWatch];
      expect([named(next).length, larger.closed, smaller.closed]).toEqual([14, false, true]);
      return { held, followed, larger, next };
    }

    it("the larger one goes on telling until that tells, and what both tell is heard once", async () => {
      const { held, followed, larger, next } = await takeOver();
      larger.message(event("call-0", 2, "started"));
      expect(followed[0]!.heard.events).toHaveLength(2);
      next.opened();
      await settled();
      expect(held.open()).toEqual([larger, next]);
      next.message(event("call-13", 1));
      await settled();
      expect(held.open()).toEqual([next]);
      next.message(event("call-0", 2, "started"));
      next.message({ id: "call-0", event: { type: "progress", seq: 3, at, attempt: 1, value: 1 } });
      expect(followed[0]!.heard.events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    });

    it("the larger one is closed when that fails, and all calls are in the next", async () => {
      const { held, next } = await takeOver();
      next.ended(TRPCClientError.from(new Error("502")));
      await vi.advanceTimersByTimeAsync(1_000);
      expect(held.open().map((watch) => named(watch).sort())).toEqual([ids(14).sort()]);
    });

    it("nobody is left open when nobody follows any more", async () => {
      const { held, followed } = await takeOver();
      for (const { stop } of followed) stop();
      await settled();
      expect(held.open()).toEqual([]);
    });
  });

  it("closes when nobody follows, and leaves no timer", async () => {
    const held = heldChannel();
    const follower = new Follower(held.channel);
    const followed = ids(3).map((id) => follow(follower, id));
    await settled();
    for (const { stop } of followed) stop();
    await settled();
    expect(held.open()).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("opens none for who comes and goes in the same turn", async () => {
    const { channel, watches } = heldChannel();
    follow(new Follower(channel), "call").stop();
    await settled();
    expect(watches).toEqual([]);
  });
});

describe("a subscription that does not open", () => {
  it("is helped out by requests after five seconds, and no longer when it has opened", async () => {
    const { channel, watches, requests, answer } = heldChannel();
    const { heard } = follow(new Follower(channel), "call");
    await vi.advanceTimersByTimeAsync(4_999);
    expect(requests).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(requests.map(({ name, timeoutMs }) => [name, timeoutMs])).toEqual([
      ["get", undefined],
      ["wait", limits.waitMs],
    ]);
    watches[0]!.opened();
    await settled();
    expect(requests.at(-1)?.signal?.aborted).toBe(true);
    answer((id) => Promise.resolve(succeeded(id)));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(requests).toHaveLength(2);
    expect(heard.end).toBeNull();
  });

  it("is helped out after two lost connections", async () => {
    const { channel, watches, requests, answer } = heldChannel();
    answer((id) => Promise.resolve(succeeded(id)));
    const { heard } = follow(new Follower(channel), "call");
    await settled();
    watches[0]!.connecting(null);
    watches[0]!.connecting(new Error("lost"));
    await settled();
    expect(requests).toEqual([]);
    watches[0]!.connecting(new Error("lost again"));
    await settled();
    expect(heard.end).toMatchObject({ type: "succeeded", output: "call" });
    expect(watches[0]!.closed).toBe(true);
  });

  it("is shortened when it is long, and believed to be short for other reasons when that does not help", async () => {
    const { channel, watches } = heldChannel({ refuse: ({ calls }) => calls.length > 150 });
    const follower = new Follower(channel);
    for (const id of ids(400)) follow(follower, id);
    await settled();
    expect(watches.map(({ request }) => request.calls.length)).toEqual([400, 200, 100]);
    watches[2]!.arrived();
    await settled();
    expect(watches[3]!.request.calls).toHaveLength(100);
    watches[3]!.arrived();
    // The other 200 have their turn, two hundred at a time, a second each.
    const seen = new Set<CallId>(watches.slice(2).flatMap(named));
    for (let turn = 0; turn < 3; turn++) {
      await vi.advanceTimersByTimeAsync(1_000);
      watches.at(-1)!.arrived();
      for (const id of named(watches.at(-1)!)) seen.add(id);
    }
    expect(seen.size).toBe(400);

    const down = heldChannel({ refuse: () => true });
    const other = new Follower(down.channel);
    for (const id of ids(100)) follow(other, id);
    await settled();
    expect(down.watches.map(({ request }) => request.calls.length)).toEqual([100, 50, 32]);
    await vi.advanceTimersByTimeAsync(250);
    expect(down.watches[3]!.request.calls).toHaveLength(100);
  });
});

describe("a lost connection", () => {
  it("is left to the links for a moment, then made again from the cursors", async () => {
    const { channel, watches } = heldChannel();
    const { heard } = follow(new Follower(channel), "call", { withEvents: true });
    await settled();
    watches[0]!.opened();
    watches[0]!.message(event("call", 1));
    watches[0]!.connecting(new Error("lost"));
    await vi.advanceTimersByTimeAsync(100);
    watches[0]!.opened();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(watches).toHaveLength(1);
    watches[0]!.connecting(new Error("lost"));
    await vi.advanceTimersByTimeAsync(500);
    expect(watches[0]!.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(250);
    expect(watches[1]!.request.calls).toEqual([{ id: "call", after: 1 }]);
    // What the old one still says is not heard.
    watches[0]!.message(event("call", 2, "started"));
    watches[1]!.message(event("call", 2, "started"));
    expect(heard.events.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it("lets who reads events wait for the log, and tells the end to who waits for no more", async () => {
    const { channel, watches, answer } = heldChannel();
    answer((id) => Promise.resolve(succeeded(id)));
    const follower = new Follower(channel);
    const reader = follow(follower, "call", { withEvents: true });
    await settled();
    watches[0]!.opened();
    watches[0]!.message(event("call", 1));
    watches[0]!.ended(new Error("lost"));
    await vi.advanceTimersByTimeAsync(250);
    for (let loss = 0; loss < 2; loss++) watches[1]!.connecting(new Error("lost again"));
    const waiter = follow(follower, "call");
    await settled();
    expect(waiter.heard.end).toMatchObject({ type: "succeeded", output: "call" });
    expect(reader.heard.events.map(({ seq }) => seq)).toEqual([1]);
    // However long that takes: a snapshot would leave out what happened meanwhile.
    await vi.advanceTimersByTimeAsync(3_600_000);
    watches.at(-1)!.connecting(new Error("lost again"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(reader.heard.end).toBeNull();
    watches.at(-1)!.opened();
    watches.at(-1)!.message(event("call", 2, "started"));
    expect(reader.heard.events.map(({ seq }) => seq)).toEqual([1, 2]);
  });
});

describe("a subscription that ends", () => {
  it("is opened again at once if it was of use, with growing pauses if not", async () => {
    const { channel, watches } = heldChannel();
    follow(new Follower(channel), "call");
    await settled();
    watches[0]!.message(event("call", 1));
    watches[0]!.ended(null);
    await settled();
    expect(watches).toHaveLength(2);
    const pauses: number[] = [];
    for (let round = 1; round <= 5; round++) {
      watches[round]!.opened();
      watches[round]!.ended(null);
      const before = performance.now();
      while (watches.length === round + 1) await vi.advanceTimersByTimeAsync(50);
      pauses.push(performance.now() - before);
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
  });

  it("is opened again at once after it has lasted", async () => {
    const { channel, watches } = heldChannel();
    follow(new Follower(channel), "call");
    await settled();
    for (let round = 0; round < 5; round++) {
      watches[round]!.opened();
      await vi.advanceTimersByTimeAsync(60_000);
      watches[round]!.ended(null);
      await settled();
      expect(watches).toHaveLength(round + 2);
    }
  });
});

describe("links that cannot subscribe", () => {
  it("are asked once, and never again", async () => {
    const { channel, requests, answer } = heldChannel();
    const watch = vi.fn<CallsChannel["watch"]>(() => {
      throw new Error("Subscriptions are unsupported by `httpLink`");
    });
    const follower = new Follower({ ...channel, watch });
    const first = follow(follower, "first");
    await vi.advanceTimersByTimeAsync(100_000);
    expect(requests.map(({ name }) => name)).toEqual(["get", "wait", "wait", "wait", "wait"]);
    answer((id) => Promise.resolve(succeeded(id)));
    const second = follow(follower, "second");
    await vi.advanceTimersByTimeAsync(1_000);
    expect([first.heard.end, second.heard.end]).toMatchObject([{ output: "first" }, { output: "second" }]);
    expect(watch).toHaveBeenCalledTimes(1);
    await settled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ask for many calls in rounds of fifty, for the longest unasked first", async () => {
    const { channel, requests } = heldChannel();
    const watch = (): never => {
      throw new Error("Subscriptions are unsupported by `httpLink`");
    };
    const follower = new Follower({ ...channel, watch });
    for (const id of ids(120)) follow(follower, id);
    await settled();
    expect(requests.filter(({ name }) => name === "get")).toHaveLength(120);
    expect(requests.filter(({ timeoutMs }) => timeoutMs === 1_000)).toHaveLength(30);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(requests.filter(({ timeoutMs }) => timeoutMs === 1_000)).toHaveLength(80);
  });
});
