import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type GroupCommitOptions, groupCommit } from "./group-commit.ts";

/** A write that the test holds open. */
interface HeldWrite {
  readonly items: readonly number[];
  /** Resolves it, each item with its double. */
  readonly succeed: () => void;
  readonly fail: (error: unknown) => void;
}

/** A group commit whose writes wait for the test. */
function heldCommit(options: Partial<Omit<GroupCommitOptions<number, number>, "write">> = {}) {
  const writes: HeldWrite[] = [];
  const next: (() => void)[] = [];
  const add = groupCommit<number, number>({
    maxItems: 100,
    ...options,
    write: (items) => {
      const { promise, resolve, reject } = Promise.withResolvers<number[]>();
      writes.push({ items, succeed: () => resolve(items.map((item) => item * 2)), fail: reject });
      next.shift()?.();
      return promise;
    },
  });
  /** The next write that begins. */
  async function nextWrite(): Promise<HeldWrite> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (writes.length === 0) {
      next.push(resolve);
      await promise;
    }
    return writes.shift()!;
  }
  return { add, nextWrite, writes };
}

// Nothing here may need a timer: with these, none ever fires.
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("groupCommit", () => {
  test("writes at once when nothing is being written", async () => {
    const { add, nextWrite } = heldCommit();
    const result = add(1);
    const write = await nextWrite();
    expect(write.items).toEqual([1]);
    write.succeed();
    expect(await result).toBe(2);
  });

  test("items of one tick share the first batch", async () => {
    const { add, nextWrite } = heldCommit();
    const results = [add(1), add(2), add(3)];
    const write = await nextWrite();
    expect(write.items).toEqual([1, 2, 3]);
    write.succeed();
    expect(await Promise.all(results)).toEqual([2, 4, 6]);
  });

  test("gathers while a batch is being written, and writes all of it next, in order", async () => {
    const { add, nextWrite, writes } = heldCommit();
    const first = add(1);
    const firstWrite = await nextWrite();
    const second = add(2);
    await Promise.resolve();
    const third = add(3);
    await Promise.resolve();
    expect(writes).toEqual([]);
    firstWrite.succeed();
    expect(await first).toBe(2);
    const secondWrite = await nextWrite();
    expect(secondWrite.items).toEqual([2, 3]);
    secondWrite.succeed();
    expect(await Promise.all([second, third])).toEqual([4, 6]);
  });

  test("an item added by what a result resolved is not lost", async () => {
    const { add, nextWrite } = heldCommit();
    const chain = add(1).then(add);
    (await nextWrite()).succeed();
    const write = await nextWrite();
    expect(write.items).toEqual([2]);
    write.succeed();
    expect(await chain).toBe(4);
  });

  test("a batch is no larger than its limit", async () => {
    const { add, nextWrite } = heldCommit({ maxItems: 2 });
    const results = Promise.all([1, 2, 3, 4, 5].map(add));
    for (const items of [[1, 2], [3, 4], [5]]) {
      const write = await nextWrite();
      expect(write.items).toEqual(items);
      write.succeed();
    }
    expect(await results).toEqual([2, 4, 6, 8, 10]);
  });

  test("a batch is no heavier than its limit, but for one item that is heavier alone", async () => {
    const { add, nextWrite } = heldCommit({ bytesOf: (item) => item, maxBatchBytes: 10 });
    const results = [4, 6, 1, 30, 9, 1].map((item) => add(item));
    for (const items of [[4, 6], [1], [30], [9, 1]]) {
      const write = await nextWrite();
      expect(write.items).toEqual(items);
      write.succeed();
    }
    expect(await Promise.all(results)).toEqual([8, 12, 2, 60, 18, 2]);
  });

  test("what waits is no heavier than its limit: more is refused, until there is room again", async () => {
    const { add, nextWrite } = heldCommit({ bytesOf: (item) => item, room: { maxBytes: 10, refuse: () => new Error("full") } });
    const first = add(8);
    const writing = await nextWrite();
    // What is being written waits no longer.
    const waiting = [add(7), add(3)];
    await expect(add(1)).rejects.toThrow("full");
    writing.succeed();
    const next = await nextWrite();
    expect(next.items).toEqual([7, 3]);
    const last = add(10);
    next.succeed();
    (await nextWrite()).succeed();
    expect(await Promise.all([first, ...waiting, last])).toEqual([16, 14, 6, 20]);
  });

  test("a fault of the connection rejects its batch, once, and the next batch is written", async () => {
    const { add, nextWrite } = heldCommit();
    const fault = new Error("connection ended");
    const lost = Promise.allSettled([add(1), add(2)]);
    const write = await nextWrite();
    const later = add(3);
    write.fail(fault);
    expect(await lost).toEqual([
      { status: "rejected", reason: fault },
      { status: "rejected", reason: fault },
    ]);
    const next = await nextWrite();
    expect(next.items).toEqual([3]);
    next.succeed();
    expect(await later).toBe(6);
  });

  test("a fault of one item rejects that item alone", async () => {
    const { add, nextWrite } = heldCommit({ isItemsFault: (error) => error === "bad item" });
    const results = Promise.allSettled([add(1), add(2), add(3)]);
    (await nextWrite()).fail("bad item");
    for (const item of [1, 2, 3]) {
      const write = await nextWrite();
      expect(write.items).toEqual([item]);
      if (item === 2) write.fail("bad item");
      else write.succeed();
    }
    expect(await results).toEqual([
      { status: "fulfilled", value: 2 },
      { status: "rejected", reason: "bad item" },
      { status: "fulfilled", value: 6 },
    ]);
  });

  test("a result that comes later than its batch keeps neither the others nor the next batch waiting", async () => {
    const later = Promise.withResolvers<number>();
    const add = groupCommit<number, number>({
      maxItems: 10,
      write: async (items) => items.map((item) => (item === 1 ? later.promise : item * 2)),
    });
    const first = add(1);
    expect(await add(2)).toBe(4);
    expect(await add(3)).toBe(6);
    later.resolve(1);
    expect(await first).toBe(1);
  });

  test("an item that fails alone is not written again", async () => {
    const { add, nextWrite, writes } = heldCommit({ isItemsFault: () => true });
    const result = Promise.allSettled([add(1)]);
    (await nextWrite()).fail("bad item");
    expect(await result).toEqual([{ status: "rejected", reason: "bad item" }]);
    expect(writes).toEqual([]);
  });

  test("while a bad batch is taken apart, new items wait for the next", async () => {
    const { add, nextWrite } = heldCommit({ isItemsFault: () => true });
    const results = Promise.allSettled([add(1), add(2)]);
    const whole = await nextWrite();
    const later = add(3);
    whole.fail("bad item");
    (await nextWrite()).succeed();
    (await nextWrite()).fail("bad item");
    expect(await results).toMatchObject([{ value: 2 }, { reason: "bad item" }]);
    const next = await nextWrite();
    expect(next.items).toEqual([3]);
    next.succeed();
    expect(await later).toBe(6);
  });

  test("a write that throws at once rejects as one that rejects", async () => {
    const fault = new Error("no connection");
    let isBroken = true;
    const add = groupCommit<number, number>({
      maxItems: 10,
      write: (items) => {
        if (isBroken) throw fault;
        return Promise.resolve(items);
      },
    });
    await expect(add(1)).rejects.toBe(fault);
    isBroken = false;
    expect(await add(2)).toBe(2);
  });

  test("whatever comes when, each item is written in order, one batch at a time, and answered with its own result", async () => {
    const command = fc.oneof(
      fc.constant("add" as const),
      fc.constant("succeed" as const),
      fc.constant("fail" as const),
      fc.constant("yield" as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60, size: "max" }), fc.integer({ min: 1, max: 5 }), async (commands, maxItems) => {
        const { add, writes } = heldCommit({ maxItems });
        const results: Promise<unknown>[] = [];
        const written: number[] = [];
        const failed = new Set<number>();
        function end(how: "succeed" | "fail"): void {
          expect(writes.length).toBeLessThanOrEqual(1);
          const write = writes.shift();
          if (write === undefined) return;
          expect(write.items.length).toBeLessThanOrEqual(maxItems);
          written.push(...write.items);
          if (how === "succeed") return write.succeed();
          for (const item of write.items) failed.add(item);
          write.fail("fault");
        }
        for (const one of commands) {
          if (one === "add") {
            const item = results.length;
            results.push(
              add(item).then(
                (value) => ({ item, value }),
                (reason: unknown) => ({ item, reason }),
              ),
            );
          } else if (one === "yield") await settled();
          else end(one);
        }
        while (written.length < results.length) {
          await settled();
          end("succeed");
        }
        expect(written).toEqual(results.map((_, item) => item));
        expect(await Promise.all(results)).toEqual(
          written.map((item) => (failed.has(item) ? { item, reason: "fault" } : { item, value: item * 2 })),
        );
      }),
    );
  });
});

/** Lets everything happen that needs no more than promises. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}
