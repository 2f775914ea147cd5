import type { EventPage } from "@raincheck/engine";
import { describe, expect, test } from "vitest";

import { ann, bob, rejection, t, testRaincheck, unknownId } from "../test/support/harness.ts";
import { held, untilIdle } from "../test/support/held.ts";
import { sharedReads } from "./shared-reads.ts";

const page: EventPage = { lastSeq: 1, events: [] };
const reader = { principal: "ann" };

function counted(answer: () => Promise<EventPage | null>) {
  const { engine } = testRaincheck();
  const asked: string[] = [];
  const reads = sharedReads({
    ...engine,
    events: (id, after, { principal }) => {
      asked.push(`${id === unknownId ? "one" : "other"} ${after} ${principal}`);
      return answer();
    },
  });
  return { reads, asked };
}

describe("a read", () => {
  test("is shared by those who ask the same at the same moment, and by nobody else", async () => {
    const { reads, asked } = counted(async () => page);
    const other = unknownId.replace("0", "1");
    const answers = await Promise.all([
      ...Array.from({ length: 100 }, () => reads.events(unknownId, 1, reader)),
      reads.events(unknownId, 2, reader),
      reads.events(other, 1, reader),
      reads.events(unknownId, 1, { principal: "bob" }),
      reads.events(unknownId, 1, { principal: null }),
      reads.events(unknownId, 1, { principal: "null" }),
    ]);
    expect(answers.every((answer) => answer === page)).toBe(true);
    expect(asked).toEqual(["one 1 ann", "one 2 ann", "other 1 ann", "one 1 bob", "one 1 null", "one 1 null"]);
  });

  test("that has begun is not joined: what happened since would be missed", async () => {
    const answer = held<EventPage>();
    const { reads, asked } = counted(() => answer.promise);
    const first = reads.events(unknownId, 1, reader);
    await untilIdle();
    expect(asked).toHaveLength(1);
    const second = reads.events(unknownId, 1, reader);
    await untilIdle();
    expect(asked).toHaveLength(2);
    answer.resolve(page);
    expect([await first, await second]).toEqual([page, page]);
  });

  test("is handed out to a few in each turn of the event loop, in the order in which they asked", async () => {
    const { reads } = counted(async () => page);
    const told: number[] = [];
    const all = Promise.all(Array.from({ length: 40 }, (_, index) => reads.events(unknownId, 1, reader).then(() => told.push(index))));
    const turns: number[] = [];
    while (told.length < 40) {
      await new Promise((resolve) => setImmediate(resolve));
      turns.push(told.length);
    }
    await all;
    expect(told).toEqual(Array.from({ length: 40 }, (_, index) => index));
    expect(new Set(turns)).toEqual(new Set([16, 32, 40]));
  });

  test("is followed by what is not urgent when all have its answer, and at once where nobody waits", async () => {
    const { reads } = counted(async () => page);
    await reads.rest();
    const told: string[] = [];
    const first = reads.events(unknownId, 1, reader).then(() => reads.rest());
    const all = Array.from({ length: 40 }, () => reads.events(unknownId, 1, reader).then(() => told.push("answer")));
    await first;
    expect(told).toHaveLength(40);
    await Promise.all(all);
  });

  test("that fails fails for all who share it, and the next is a new one", async () => {
    let fails = true;
    const { reads, asked } = counted(() => (fails ? Promise.reject(new Error("away")) : Promise.resolve(page)));
    const all = Array.from({ length: 40 }, () => rejection(reads.events(unknownId, 1, reader)));
    expect(await Promise.all(all)).toMatchObject(all.map(() => ({ message: "away" })));
    fails = false;
    expect(await reads.events(unknownId, 1, reader)).toBe(page);
    expect(asked).toHaveLength(2);
  });
});

test("a thousand who watch a call, and a hundred who wait for it, cost one read of each kind for its end", async () => {
  const harness = testRaincheck();
  const { raincheck, engine } = harness;
  const asked = { events: 0, read: 0 };
  const { events, read } = engine;
  Object.assign(engine, {
    events: (...given: Parameters<typeof events>) => (asked.events++, events(...given)),
    read: (...given: Parameters<typeof read>) => (asked.read++, read(...given)),
  });
  const a = raincheck.deferrable(t.procedure).mutation(() => "done");
  const router = raincheck.bind(t.router({ a, calls: raincheck.calls(t.procedure, { recheck: false }) }));
  const { id } = await raincheck.start(a, undefined, { ctx: ann });
  const caller = router.createCaller(ann);
  const ends = await Promise.all(
    Array.from({ length: 1_000 }, async () => {
      const events = (await caller.calls.watch({ calls: [{ id }] }))[Symbol.asyncIterator]();
      await events.next();
      return events;
    }),
  );
  const watching = ends.map(async (watch) => {
    let last: unknown;
    for (let next = await watch.next(); next.done !== true; next = await watch.next()) last = next.value;
    return JSON.stringify(last);
  });
  const waiting = Array.from({ length: 100 }, () => caller.calls.wait({ id }));
  // What they were answered first is handed out in turns.
  for (let turns = 0; turns < 10; turns++) await untilIdle();
  await engine.cancel(id, { principal: "ann" }, "enough");
  Object.assign(asked, { events: 0, read: 0 });
  const told = new Set(await Promise.all(watching));
  expect([told.size, [...told][0]]).toEqual([1, expect.stringContaining("cancelled")]);
  expect(new Set((await Promise.all(waiting)).map(({ state }) => state))).toEqual(new Set(["cancelled"]));
  expect(asked).toEqual({ events: 1, read: 1 });
  expect(await rejection(router.createCaller(bob).calls.wait({ id }))).toMatchObject({ code: "NOT_FOUND" });
  expect(engine.subscribed()).toBe(0);
});
