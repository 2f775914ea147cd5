import { describe, expect, test, vi } from "vitest";
import type { Engine } from "../engine.ts";
import { claim, newCall, reader, timed } from "../../test/timed-engine.ts";
import { replyPlace } from "../reply.ts";
import { type MemoryEngineOptions, memoryEngine, systemClock } from "./index.ts";

async function stateOf(engine: Engine<null>, id: string): Promise<string | null> {
  return (await engine.read(id, reader))?.state ?? null;
}

/** Behind every wake that is on its way. */
const wakesAreThrough = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a reply", () => {
  test("that was taken is forgotten soon, and one that was given up is kept as long as its call", async () => {
    const { engine, clock } = timed();
    const { queue, principal } = replyPlace("billing");
    for (const retentionMs of [1_000, 86_400_000, 86_400_000]) {
      const { id } = await engine.accept(newCall({ replyQueues: [queue], retentionMs }));
      await engine.cancel(id, reader, null);
    }
    const replies = await engine.claim({ worker: "w", queues: [queue], limit: 9, leaseMs: 5_000 });
    await engine.settle(replies[0]!, { type: "succeeded", output: "1" });
    await engine.settle(replies[1]!, { type: "succeeded", output: "1" });
    await engine.settle(replies[2]!, { type: "failed", failure: { code: "E", message: "m" } });
    const kept = async () => Promise.all(replies.map(async ({ id }) => (await engine.read(id, { principal })) !== null));
    clock.advance(1_000);
    expect(await kept()).toEqual([false, true, true]);
    clock.advance(600_000);
    expect(await kept()).toEqual([false, false, true]);
    clock.advance(86_400_000);
    expect(await kept()).toEqual([false, false, false]);
  });

  test("of a webhook is kept as long as its call when it was taken, too", async () => {
    const { engine, clock } = timed();
    const { queue, principal } = replyPlace("invoices", "webhook");
    const { id } = await engine.accept(newCall({ replyQueues: [queue], retentionMs: 86_400_000 }));
    await engine.cancel(id, reader, null);
    const [reply] = await engine.claim({ worker: "w", queues: [queue], limit: 9, leaseMs: 5_000 });
    await engine.settle(reply!, { type: "succeeded", output: "1" });
    const isKept = async () => (await engine.read(reply!.id, { principal })) !== null;
    clock.advance(86_399_999);
    expect(await isKept()).toBe(true);
    clock.advance(1);
    expect(await isKept()).toBe(false);
  });
});

describe("time", () => {
  test("a change is made at the moment it is due: not before it, and without anybody asking", async () => {
    const { engine, clock } = timed();
    const { id } = await engine.accept(newCall({ deadlineMs: 700 }));
    const wake = vi.fn<() => void>();
    engine.subscribe(id, wake);
    clock.advance(699);
    await wakesAreThrough();
    expect(wake).not.toHaveBeenCalled();
    clock.advance(1);
    await wakesAreThrough();
    expect(wake).toHaveBeenCalledTimes(1);
    expect(await engine.read(id, reader)).toMatchObject({ state: "expired", endedAt: "2026-01-01T00:00:00.700Z" });
  });

  test("one timer stands for everything, and none for an engine that has nothing to do", async () => {
    const { engine, clock } = timed();
    expect(clock.timersMs).toEqual([]);
    await engine.accept(newCall());
    expect(clock.timersMs).toEqual([]);
    await engine.accept(newCall({ delayMs: 500, priority: -1 }));
    expect(clock.timersMs).toEqual([500]);
    await engine.accept(newCall({ startByMs: 300, priority: -1 }));
    expect(clock.timersMs).toEqual([300]);
    await claim(engine, 1, 100);
    expect(clock.timersMs).toEqual([100]);
    clock.advance(100);
    expect(clock.timersMs).toEqual([300]);
    clock.advance(200);
    expect(clock.timersMs).toEqual([500]);
    await engine.stop();
    expect(clock.timersMs).toEqual([]);
  });

  test("a lease that is extended costs a timer only when it would have ended", async () => {
    const { engine, clock } = timed();
    await engine.accept(newCall());
    const [attempt] = await claim(engine, 1, 1_000);
    for (let turn = 0; turn < 9; turn += 1) {
      clock.advance(100);
      expect(await engine.extend([attempt!], 1_000)).toEqual([]);
      expect(clock.timersMs).toEqual([1_000]);
    }
    clock.advance(100);
    expect(clock.timersMs).toEqual([1_900]);
    expect(await stateOf(engine, attempt!.id)).toBe("running");
    clock.advance(899);
    expect(await stateOf(engine, attempt!.id)).toBe("running");
    clock.advance(1);
    expect(await stateOf(engine, attempt!.id)).toBe("queued");
  });

  test("when the timer is late, a verb first does what is due", async () => {
    const { engine, clock } = timed();
    const { id } = await engine.accept(newCall({ deadlineMs: 400 }));
    const [attempt] = await claim(engine, 1, 100);
    clock.advanceSilently(150);
    expect(await engine.settle(attempt!, { type: "succeeded", output: "1" })).toBe("stale");
    expect(await stateOf(engine, id)).toBe("queued");
    clock.advanceSilently(300);
    expect(await claim(engine)).toEqual([]);
    expect(await engine.cancel(id, reader, null)).toEqual({ cancelled: false, state: "expired" });
    clock.advanceSilently(1_000);
    expect(await stateOf(engine, id)).toBeNull();
  });

  test("the wall clock dates, and decides nothing", async () => {
    const { engine, clock } = timed();
    const { id } = await engine.accept(newCall({ deadlineMs: 1_000 }));
    clock.shownMs += 3_600_000;
    clock.advance(999);
    expect(await stateOf(engine, id)).toBe("queued");
    clock.shownMs -= 7_200_000;
    clock.advance(1);
    expect(await engine.read(id, reader)).toMatchObject({
      state: "expired",
      createdAt: "2026-01-01T00:00:00.000Z",
      endedAt: "2025-12-31T23:00:01.000Z",
    });
  });

  test("the process's own timers take any delay, and do not keep it alive", async () => {
    const kept = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = kept();
    const wake = vi.fn<() => void>();
    const cancel = systemClock.wakeAfter(100 * 365 * 86_400_000, wake);
    expect(kept()).toBe(before);
    const counted = setTimeout(() => {}, 3_600_000);
    expect(kept()).toBe(before + 1);
    clearTimeout(counted);
    // A timer beyond what setTimeout takes would have fired after a millisecond, before this one.
    await new Promise<void>((resolve) => systemClock.wakeAfter(5, resolve));
    expect(wake).not.toHaveBeenCalled();
    cancel();
  });
});

describe("maxQueued", () => {
  test("refuses new calls while as many are queued, and takes them again after", async () => {
    const { engine } = timed({ maxQueued: 2 });
    const first = newCall({ idempotencyKey: "k" });
    await engine.accept(first);
    await engine.accept(newCall());
    const refused = newCall();
    await expect(engine.accept(refused)).rejects.toMatchObject({
      _tag: "EngineFull",
      message: "2 calls are queued already; start more workers, raise maxQueued, or try again later.",
    });
    expect(await engine.read(refused.id, reader)).toBeNull();
    // A call that exists is no new call.
    expect(await engine.accept(newCall({ idempotencyKey: "k" }))).toEqual({ id: first.id, state: "queued", created: false });
    await claim(engine);
    expect((await engine.accept(refused)).created).toBe(true);
  });

  test("a call that comes back is taken back, however many are queued", async () => {
    const { engine } = timed({ maxQueued: 1 });
    await engine.accept(newCall());
    const [attempt] = await claim(engine);
    await engine.accept(newCall());
    expect(await engine.settle(attempt!, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 })).toBe("settled");
    expect(await claim(engine, 10)).toHaveLength(2);
  });

  test("calls that ended while queued are queued no more", async () => {
    const { engine, clock } = timed({ maxQueued: 2 });
    const { id } = await engine.accept(newCall());
    await engine.accept(newCall({ startByMs: 10 }));
    await engine.cancel(id, reader, null);
    clock.advance(10);
    await engine.accept(newCall());
    await engine.accept(newCall());
    await expect(engine.accept(newCall())).rejects.toMatchObject({ _tag: "EngineFull" });
  });
});

describe("concurrency", () => {
  test("no more attempts run at once, over all queues, and a free place wakes those that wait", async () => {
    const { engine, clock } = timed({ concurrency: 2 });
    for (const queue of ["default", "other", "default", "default"]) await engine.accept(newCall({ queue }));
    const [first, second] = await engine.claim({ worker: "w", queues: ["default", "other"], limit: 10, leaseMs: 100 });
    expect(second).toBeDefined();
    expect(await claim(engine)).toEqual([]);
    const wake = vi.fn<() => void>();
    engine.onRunnable(["default"], wake);
    await engine.settle(first!, { type: "succeeded", output: "1" });
    await wakesAreThrough();
    expect(wake).toHaveBeenCalledTimes(1);
    expect(await claim(engine, 10)).toHaveLength(1);
    clock.advance(100);
    await wakesAreThrough();
    expect(wake.mock.calls.length).toBeGreaterThan(1);
    expect(await engine.claim({ worker: "w", queues: ["default", "other"], limit: 10, leaseMs: 100 })).toHaveLength(1);
  });
});

describe("options", () => {
  test.each([
    ["maxQueued", { maxQueued: 0 }],
    ["maxQueued", { maxQueued: 1.5 }],
    ["maxQueued", { maxQueued: -Infinity }],
    ["concurrency", { concurrency: Number.NaN }],
    ["concurrency", { concurrency: "2" }],
  ])("a bad %s is refused where it is written: %j", (option, options) => {
    expect(() => memoryEngine(options as MemoryEngineOptions)).toThrow(expect.objectContaining({ _tag: "InvalidOption", option }));
  });

  test("both may be without limit", async () => {
    const engine = memoryEngine({ maxQueued: Infinity, concurrency: Infinity });
    expect((await engine.accept(newCall())).created).toBe(true);
    await engine.stop();
  });
});

describe("stop", () => {
  test("wakes whoever follows, so that nobody waits for ever, and says why a verb is refused", async () => {
    const { engine } = timed();
    const { id } = await engine.accept(newCall({ delayMs: 10 }));
    const calls = vi.fn<() => void>();
    const queues = vi.fn<() => void>();
    engine.subscribe(id, calls);
    engine.onRunnable(["default"], queues);
    await wakesAreThrough();
    calls.mockClear();
    await engine.stop();
    await wakesAreThrough();
    expect([calls.mock.calls.length, queues.mock.calls.length]).toEqual([1, 1]);
    await expect(engine.read(id, reader)).rejects.toThrow("The engine was stopped, and does not start again (read).");
  });
});

test("what the caller does with its objects afterwards changes nothing", async () => {
  const { engine } = timed();
  const call = { ...newCall() };
  await engine.accept(call);
  call.input = "changed";
  const [attempt] = await claim(engine);
  expect(attempt?.input).toBe("{}");
  const failure = { code: "E", message: "m", data: { seats: [1] } };
  await engine.settle(attempt!, { type: "failed", failure });
  failure.data.seats.push(2);
  expect((await engine.read(call.id, reader))?.failure).toEqual({ code: "E", message: "m", data: { seats: [1] } });
});
