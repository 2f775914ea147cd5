/** How the follower gathers calls in few subscriptions. */
import { TRPCClientError } from "@trpc/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type HeldWatch, at, event, follow, heldChannel, ids, named, settled } from "../test/held-channel.ts";
import { Follower } from "./follow.ts";

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
