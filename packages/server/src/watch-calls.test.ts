import type { EventPage } from "@raincheck/engine";
import { type WatchMessage, type WatchRequest, limits } from "@raincheck/protocol";
import { isTrackedEnvelope } from "@trpc/server";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { claimNext, runNext } from "../test/support/attempt-driver.ts";
import { ann, bob, rejection, t, testRaincheck, unknownId } from "../test/support/harness.ts";
import { held } from "../test/support/held.ts";

function app(overrides: Parameters<typeof testRaincheck>[0] = {}) {
  const harness = testRaincheck(overrides);
  const { raincheck } = harness;
  const router = raincheck.bind(
    t.router({
      a: raincheck.deferrable(t.procedure.input(z.number())).mutation(({ ctx, input }) => {
        ctx.call.progress({ input });
        return input;
      }),
      calls: raincheck.calls(t.procedure),
    }),
  );
  const start = async (input = 1, ctx = ann): Promise<string> => (await router.createCaller(ctx).calls.start({ path: "a", input })).id;
  const watch = async (input: WatchRequest, options: { readonly ctx?: typeof ann; readonly signal?: AbortSignal } = {}) => {
    const iterable = await router.createCaller(options.ctx ?? ann, options).calls.watch(input);
    return new Watch(iterable);
  };
  return { ...harness, router, start, watch };
}

/** A watch as a server adapter reads it. */
class Watch {
  readonly #iterator: AsyncIterator<unknown>;

  constructor(iterable: AsyncIterable<unknown>) {
    this.#iterator = iterable[Symbol.asyncIterator]();
  }

  async next(): Promise<{ readonly tracked: string; readonly message: WatchMessage } | null> {
    const result = await this.#iterator.next();
    if (result.done === true) return null;
    if (!isTrackedEnvelope<WatchMessage>(result.value)) throw new Error("Not a tracked event.");
    return { tracked: result.value[0], message: result.value[1] };
  }

  async rest(): Promise<string[]> {
    const seen: string[] = [];
    for (let one = await this.next(); one !== null; one = await this.next()) {
      expect(one.tracked.split(":")[0]).toBe(one.message.id);
      seen.push("event" in one.message ? `${one.tracked.split(":")[1]}:${one.message.event.type}` : one.message.refused);
    }
    return seen;
  }

  return(): Promise<unknown> {
    return this.#iterator.return!();
  }
}

const whole = ["1:queued", "2:started", "3:progress", "4:succeeded"];

describe("one call", () => {
  test("is followed to its end, whenever the watch begins", async () => {
    const { start, watch, runtime, engine } = app();
    const id = await start(5);
    const early = await watch({ calls: [{ id }] });
    expect(await early.next()).toMatchObject({ tracked: `${id}:1`, message: { id, event: { seq: 1, type: "queued" } } });
    const waiting = early.rest();
    await runNext(runtime);
    expect(await waiting).toEqual(whole.slice(1));
    expect(await (await watch({ calls: [{ id }] })).rest()).toEqual(whole);
    expect(engine.subscribed()).toBe(0);
  });

  test("progress and output are decoded", async () => {
    const { start, watch, runtime } = app();
    const id = await start(5);
    await runNext(runtime);
    const done = await watch({ calls: [{ id, after: 2 }] });
    expect([await done.next(), await done.next(), await done.next()]).toMatchObject([
      { message: { event: { type: "progress", value: { input: 5 } } } },
      { message: { event: { type: "succeeded", output: 5 } } },
      null,
    ]);
  });

  test("continues behind a cursor, or behind lastEventId when that is later", async () => {
    const { start, watch, runtime } = app();
    const id = await start();
    await runNext(runtime);
    expect(await (await watch({ calls: [{ id, after: 2 }] })).rest()).toEqual(whole.slice(2));
    expect(await (await watch({ calls: [{ id }], lastEventId: `${id}:3` })).rest()).toEqual(whole.slice(3));
    expect(await (await watch({ calls: [{ id, after: 3 }], lastEventId: `${id}:1` })).rest()).toEqual(whole.slice(3));
  });

  test("that had ended at the cursor ends the watch at once", async () => {
    const { start, watch, runtime, engine } = app();
    const id = await start();
    await runNext(runtime);
    expect(await (await watch({ calls: [{ id }], lastEventId: `${id}:4` })).rest()).toEqual([]);
    expect(engine.subscribed()).toBe(0);
  });

  test("a settle between the subscription and the first read is not missed", async () => {
    const inner = testRaincheck();
    const reading = held();
    const settled = held();
    let first = true;
    const { start, watch, runtime } = app({
      ...inner.engine,
      async events(id, after, reader) {
        if (first) {
          first = false;
          reading.resolve();
          const page = await inner.engine.events(id, after, reader);
          await settled.promise;
          return page;
        }
        return await inner.engine.events(id, after, reader);
      },
    });
    const id = await start();
    const all = (await watch({ calls: [{ id }] })).rest();
    await reading.promise;
    await runNext(runtime);
    settled.resolve();
    expect(await all).toEqual(whole);
  });

  test("a wake without a change, and many of them, are harmless", async () => {
    const inner = testRaincheck();
    let wake = (): void => {};
    const reads: number[] = [];
    const { start, watch, runtime } = app({
      ...inner.engine,
      subscribe(id, given) {
        wake = () => given("unknown");
        return inner.engine.subscribe(id, given);
      },
      async events(id, after, reader) {
        reads.push(after);
        return await inner.engine.events(id, after, reader);
      },
    });
    const id = await start();
    const one = await watch({ calls: [{ id }] });
    await one.next();
    for (let times = 0; times < 10_000; times++) wake();
    const rest = one.rest();
    await runNext(runtime);
    for (let times = 0; times < 10_000; times++) wake();
    expect(await rest).toEqual(whole.slice(1));
    // One read for ten thousand wakes: they mark, they do not pile up.
    expect(reads.length).toBeLessThan(10);
  });

  test("a log that comes in pages is read to its end", async () => {
    const inner = testRaincheck();
    const { start, watch, runtime } = app({
      ...inner.engine,
      async events(id, after, reader) {
        const page: EventPage | null = await inner.engine.events(id, after, reader);
        return page === null ? null : { ...page, events: page.events.slice(0, 1) };
      },
    });
    const id = await start();
    await runNext(runtime);
    expect(await (await watch({ calls: [{ id }] })).rest()).toEqual(whole);
    expect(await (await watch({ calls: [{ id, after: 2 }] })).rest()).toEqual(whole.slice(2));
  });
});

describe("a call that is refused", () => {
  test("does not fail the rest", async () => {
    const { start, watch, runtime } = app();
    const [mine, foreign] = [await start(1), await start(2, bob)];
    await runNext(runtime);
    const messages = await watch({ calls: [{ id: unknownId }, { id: foreign }, { id: mine, after: 99 }] });
    expect([await messages.next(), await messages.next(), await messages.next(), await messages.next()]).toEqual([
      { tracked: `${unknownId}:0`, message: { id: unknownId, refused: "NOT_FOUND" } },
      { tracked: `${foreign}:0`, message: { id: foreign, refused: "NOT_FOUND" } },
      { tracked: `${mine}:99`, message: { id: mine, refused: "UNKNOWN_CURSOR" } },
      null,
    ]);
    expect(await (await watch({ calls: [{ id: unknownId }, { id: mine }] })).rest()).toEqual(["NOT_FOUND", ...whole]);
  });

  test("is asked for at each connection, and at each read", async () => {
    const inner = testRaincheck();
    let revoked = false;
    const { start, watch, runtime } = app({
      ...inner.engine,
      events: async (id, after, reader) => (revoked ? null : await inner.engine.events(id, after, reader)),
    });
    const id = await start();
    const one = await watch({ calls: [{ id }] });
    await one.next();
    const rest = one.rest();
    revoked = true;
    await runNext(runtime);
    expect(await rest).toEqual(["NOT_FOUND"]);
    expect(await (await watch({ calls: [{ id }], lastEventId: `${id}:1` })).rest()).toEqual(["NOT_FOUND"]);
  });
});

describe("many calls", () => {
  test("are followed together, and the watch ends with the last of them", async () => {
    const { start, watch, runtime, engine } = app();
    const ids: string[] = [];
    for (let input = 0; input < 50; input++) ids.push(await start(input));
    const all = await watch({ calls: ids.map((id) => ({ id })) });
    const outputs = new Map<string, unknown>();
    const reading = (async () => {
      for (let one = await all.next(); one !== null; one = await all.next()) {
        if ("event" in one.message && one.message.event.type === "succeeded") outputs.set(one.message.id, one.message.event.output);
      }
    })();
    for (let run = 0; run < ids.length; run++) await runNext(runtime);
    await reading;
    expect(outputs).toEqual(new Map(ids.map((id, input) => [id, input])));
    expect(engine.subscribed()).toBe(0);
  });

  test("a call that has ended is let go while the others go on", async () => {
    const { start, watch, runtime, engine } = app();
    const [one, other] = [await start(1), await start(2)];
    const both = await watch({ calls: [{ id: one }, { id: other }] });
    await both.next();
    await both.next();
    expect(engine.subscribed()).toBe(2);
    await runNext(runtime);
    for (const _ of whole.slice(1)) expect((await both.next())?.message.id).toBe(one);
    expect(engine.subscribed()).toBe(1);
    await both.return();
    expect(engine.subscribed()).toBe(0);
  });
});

describe("when the client leaves", () => {
  test("an idle watch lets go at once, by its signal", async () => {
    const { start, watch, engine } = app();
    const leaving = new AbortController();
    const id = await start();
    const one = await watch({ calls: [{ id }] }, { signal: leaving.signal });
    await one.next();
    const idle = one.next();
    expect(engine.subscribed()).toBe(1);
    leaving.abort();
    expect(engine.subscribed()).toBe(0);
    expect(await idle).toBeNull();
  });

  test("an idle watch lets go at once, by return() alone", async () => {
    const { start, watch, engine } = app();
    const one = await watch({ calls: [{ id: await start() }] });
    await one.next();
    const idle = one.next();
    const returned = one.return();
    expect(engine.subscribed()).toBe(0);
    expect(await idle).toBeNull();
    await returned;
  });

  test("a watch whose read hangs lets go at once", async () => {
    const reading = held();
    const never = held<null>();
    const { start, watch, engine } = app({
      events: () => {
        reading.resolve();
        return never.promise;
      },
    });
    const leaving = new AbortController();
    const one = await watch({ calls: [{ id: await start() }] }, { signal: leaving.signal });
    const hanging = one.next();
    await reading.promise;
    leaving.abort();
    expect(engine.subscribed()).toBe(0);
    never.resolve(null);
    expect(await hanging).toBeNull();
  });

  test("a client that had left before is not subscribed at all", async () => {
    const { start, watch, engine } = app();
    const one = await watch({ calls: [{ id: await start() }] }, { signal: AbortSignal.abort() });
    expect(await one.next()).toBeNull();
    expect(engine.subscribed()).toBe(0);
  });

  test("a plain generator would have leaked: the measure measures", async () => {
    const { engine, start } = app();
    const id = await start();
    async function* naive(): AsyncGenerator<never> {
      const unsubscribe = engine.subscribe(id, () => {});
      try {
        await new Promise(() => {});
      } finally {
        unsubscribe();
      }
    }
    const iterator = naive();
    void iterator.next();
    void iterator.return(undefined);
    await Promise.resolve();
    expect(engine.subscribed()).toBe(1);
  });
});

describe("the request is checked", () => {
  const some = { id: unknownId };
  test.each<[unknown, string]>([
    [{}, "Invalid calls"],
    [{ calls: [] }, "an array of 1 to 1000 calls"],
    [{ calls: Array.from({ length: limits.watchedCalls + 1 }, () => some) }, "an array of 1 to 1000 calls"],
    [{ calls: ["x"] }, "Invalid calls[0]"],
    [{ calls: [{ id: "x" }] }, 'Invalid calls[0].id: "x"'],
    [{ calls: [some, some] }, "expected each call once"],
    [{ calls: [{ ...some, after: -1 }] }, "Invalid calls[0].after: -1"],
    [{ calls: [{ ...some, after: 2 ** 60 }] }, "Invalid calls[0].after"],
    [{ calls: [{ ...some, after: "1" }] }, "Invalid calls[0].after"],
    ...[
      "",
      "x",
      unknownId,
      `${unknownId}:`,
      `${unknownId}:-1`,
      `${unknownId}:1e3`,
      `${unknownId}:1:2`,
      `${unknownId}:${"9".repeat(20)}`,
      `${unknownId}:9999999999999999`,
      "0:1",
      7,
      {},
    ].map((lastEventId): [unknown, string] => [{ calls: [some], lastEventId }, "Invalid lastEventId"]),
    [{ calls: [some], lastEventId: `${unknownId.replace("0", "1")}:1` }, "Invalid lastEventId"],
  ])("%j", async (request, message) => {
    expect(await rejection(app().watch(request as WatchRequest))).toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining(message) as string,
    });
  });
});

test("an attempt that begins after the watch is seen as it happens", async () => {
  const { start, watch, runtime } = app();
  const id = await start();
  const one = await watch({ calls: [{ id }] });
  await one.next();
  const call = await claimNext(runtime);
  expect(await one.next()).toMatchObject({ message: { event: { type: "started", attempt: 1 } } });
  await runtime.engine.settle(call, { type: "retrying", reason: "failed", failure: { code: "X", message: "m" }, delayMs: 0 });
  expect(await one.next()).toMatchObject({ message: { event: { type: "retrying", reason: "failed", failure: { code: "X" } } } });
  await runtime.engine.cancel(id, { principal: "ann" }, "enough");
  expect(await one.next()).toMatchObject({ message: { event: { type: "cancelled", reason: "enough" } } });
  expect(await one.next()).toBeNull();
});
