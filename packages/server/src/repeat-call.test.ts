import { FinalError, type StartedCall } from "@raincheck/protocol";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { runNext } from "../test/support/attempt-driver.ts";
import { ann, authed, bob, rejection, t, testRaincheck, unknownId } from "../test/support/harness.ts";

function app(overrides: Parameters<typeof testRaincheck>[0] = {}) {
  const harness = testRaincheck(overrides);
  const { raincheck } = harness;
  const seats = { left: 0 };
  const router = raincheck.bind(
    t.router({
      book: raincheck
        .deferrable(authed.input(z.number()), { queue: "now", deadline: "1 hour", retry: { attempts: 1 } })
        .mutation(({ ctx, input }) => {
          if (input > seats.left) throw new FinalError("no seats");
          return `${ctx.user} has ${input}`;
        }),
      other: raincheck.deferrable(authed.input(z.number())).mutation(() => 1),
      calls: raincheck.calls(t.procedure),
    }),
  );
  const run = () => runNext(harness.runtime, { queue: "now" });
  const as = (ctx: typeof ann) => router.createCaller(ctx).calls;
  const dead = async (ctx = ann): Promise<StartedCall> => {
    const call = await as(ctx).start({ path: "book", input: 2 });
    await run();
    return call;
  };
  return { ...harness, router, seats, run, as, dead };
}

describe("calls.retry", () => {
  test("makes one call of a dead letter, with its input and its context, however often it is asked", async () => {
    const { as, dead, run, seats } = app();
    const { id } = await dead();
    const retried = await as(ann).retry({ id });
    expect(retried).toEqual({ id: expect.any(String) as string, path: "book", state: "queued", created: true });
    expect(retried.id).not.toBe(id);
    expect(await as(ann).retry({ id })).toEqual({ ...retried, created: false });
    seats.left = 2;
    await run();
    expect(await as(ann).get({ id: retried.id })).toMatchObject({ state: "succeeded", output: "ann has 2", repeats: id });
    expect(await as(ann).get({ id })).toMatchObject({ state: "failed", failure: { message: "no seats" } });
    expect((await as(ann).list()).calls.map(({ repeats }) => repeats)).toEqual([id, undefined]);
    expect(await as(ann).retry({ id })).toEqual({ ...retried, state: "succeeded", created: false });
  });

  test("of another's call is NOT_FOUND, as of one that is not there", async () => {
    const { as, dead, engine } = app();
    const { id } = await dead();
    for (const verb of ["retry", "replay"] as const) {
      const refused = [await rejection(as(bob)[verb]({ id })), await rejection(as(bob)[verb]({ id: unknownId }))];
      expect(refused[0]).toMatchObject({ code: "NOT_FOUND", message: "No such call." });
      expect(refused[1]).toMatchObject({ code: "NOT_FOUND", message: "No such call." });
    }
    expect(await engine.claim({ worker: "w", queues: ["now"], limit: 1, leaseMs: 1_000 })).toEqual([]);
  });

  test("of a call that did not fail is refused, with what to do instead", async () => {
    const { as, run, seats } = app();
    seats.left = 9;
    const { id } = await as(ann).start({ path: "book", input: 2 });
    expect(await rejection(as(ann).retry({ id }))).toMatchObject({
      code: "CONFLICT",
      message: "Only a call that failed or expired can be retried, and this one is queued.",
    });
    await run();
    expect(await rejection(as(ann).retry({ id }))).toMatchObject({
      code: "CONFLICT",
      message:
        "Only a call that failed or expired can be retried, and this one is succeeded. A replay makes a new call of any that has ended.",
    });
  });

  test("of a procedure that is no more is NOT_FOUND, and says which", async () => {
    const { as, engine } = app();
    await engine.accept({
      id: unknownId,
      path: "gone",
      queue: "now",
      principal: "ann",
      input: "1",
      context: "null",
      idempotencyKey: null,
      priority: 0,
      concurrency: null,
      delayMs: 0,
      startByMs: null,
      deadlineMs: null,
      retentionMs: 60_000,
      startedBy: null,
      detached: false,
      replyQueues: [],
    });
    await as(ann).cancel({ id: unknownId });
    expect(await rejection(as(ann).replay({ id: unknownId }))).toMatchObject({
      code: "NOT_FOUND",
      message: 'No procedure found on path "gone".',
    });
  });
});

describe("calls.replay", () => {
  test("makes a new call each time, but for those with one key", async () => {
    const { as, run, seats } = app();
    seats.left = 9;
    const { id } = await as(ann).start({ path: "book", input: 2 });
    expect(await rejection(as(ann).replay({ id }))).toMatchObject({
      code: "CONFLICT",
      message: "Only a call that has ended can be replayed, and this one is queued.",
    });
    await run();
    const plain = [await as(ann).replay({ id }), await as(ann).replay({ id })];
    const keyed = [await as(ann).replay({ id, idempotencyKey: "k" }), await as(ann).replay({ id, idempotencyKey: "k" })];
    expect(keyed[1]).toEqual({ ...keyed[0], created: false });
    expect(new Set([id, ...plain, ...keyed].map((one) => (typeof one === "string" ? one : one.id))).size).toBe(4);
    for (const given of ["", 5, "x".repeat(2_000)])
      expect(await rejection(as(ann).replay({ id, idempotencyKey: given as string }))).toMatchObject({ code: "BAD_REQUEST" });
  });
});

describe("raincheck.retry and raincheck.replay", () => {
  test("give handles of the new calls", async () => {
    const { raincheck, router, dead, run, seats } = app();
    const { id } = await dead();
    seats.left = 2;
    const retried = await raincheck.retry(router.book, id, { ctx: ann });
    await run();
    const output: string = await retried.result();
    expect(output).toBe("ann has 2");
    const replayed = await raincheck.replay(router.book, id, { ctx: ann, idempotencyKey: "k" });
    await run();
    expect(await replayed.result()).toBe("ann has 2");
    expect([retried.created, replayed.created]).toEqual([true, true]);
  });

  test("refuse what is not the principal's, or another procedure's", async () => {
    const { raincheck, router, dead } = app();
    const { id } = await dead();
    expect(await rejection(raincheck.retry(router.book, id, { ctx: bob }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await rejection(raincheck.retry(router.other, id, { ctx: ann }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await rejection(raincheck.retry(router.calls.get as never, id, { ctx: ann }))).toBeInstanceOf(TypeError);
    expect(await rejection(raincheck.replay(router.book, id, {} as never))).toMatchObject({ _tag: "InvalidOption" });
  });
});
