/** The follower against a channel that the test holds in its hands, on a clock of its own. */
import { type CallId, limits } from "@raincheck/protocol";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { event, follow, heldChannel, ids, named, settled, succeeded } from "../test/held-channel.ts";
import type { CallsChannel } from "./calls-channel.ts";
import { Follower } from "./follow.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1);
});
afterEach(() => {
  vi.useRealTimers();
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
