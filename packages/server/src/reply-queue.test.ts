import { FinalError, RetryError } from "@raincheck/protocol";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { runNext } from "../test/support/attempt-driver.ts";
import { ann, authed, rejection, t, testRaincheck, unknownId } from "../test/support/harness.ts";
import type { Reply, ReplyContext } from "./reply.ts";

type Heard = [reply: Reply, context: ReplyContext<string | null>];

function app(act: (...heard: Heard) => unknown = () => undefined) {
  const harness = testRaincheck();
  const { raincheck, runtime } = harness;
  const book = raincheck.deferrable(authed.input(z.number())).mutation(({ input }) => {
    if (input > 2) throw new FinalError("no seats");
    return { seats: input };
  });
  const other = raincheck.deferrable(authed).mutation(() => 1);
  const router = raincheck.bind(t.router({ book, other, calls: raincheck.calls(t.procedure) }));
  const heard: Heard[] = [];
  const billing = raincheck.replies<typeof router>("billing", {
    book: (reply, context) => {
      heard.push([reply, context]);
      return act(reply, context);
    },
  });
  const [queue] = runtime.replyQueues();
  const reply = () => runNext(runtime, { queue: queue! });
  const start = (input: number) => raincheck.start(book, input, { ctx: ann, reply: { queue: "billing" } });
  return { ...harness, router, book, other, heard, billing, reply, start };
}

describe("a reply", () => {
  test("comes to the consumer of its path, with the output, in a transaction", async () => {
    const { start, runtime, reply, heard } = app();
    const { id } = await start(2);
    await runNext(runtime);
    expect(await reply()).toMatchObject({ error: undefined, settled: "settled" });
    const [[told, context]] = heard as [Heard];
    expect(told).toEqual({
      id,
      path: "book",
      principal: "ann",
      repeats: null,
      attempt: 1,
      state: "succeeded",
      output: { seats: 2 },
      endedAt: expect.any(Date) as Date,
    });
    expect(context).toEqual({ tx: "tx", attempt: 1, signal: expect.any(AbortSignal) as AbortSignal });
    expect(await rejection(reply())).toMatchObject({ message: expect.stringContaining("No call to claim") as string });
  });

  test("says how a call ended that has no output", async () => {
    const { start, runtime, reply, heard } = app();
    const failed = await start(3);
    await runNext(runtime);
    await reply();
    const cancelled = await start(1);
    await cancelled.cancel("enough");
    await reply();
    expect(heard.map(([told]) => told)).toMatchObject([
      { id: failed.id, state: "failed", failure: { code: "FAILED", message: "no seats" } },
      { id: cancelled.id, state: "cancelled", cancelReason: "enough", attempt: 0 },
    ]);
  });

  test("whose consumer throws is described as a failed attempt is", async () => {
    const thrown = [new Error("secret"), new FinalError("no such bill"), new RetryError({ after: "3 seconds" })];
    const { start, runtime, reply } = app(() => {
      throw thrown.shift()!;
    });
    const described = [];
    for (let index = 0; index < 3; index += 1) {
      await start(1);
      await runNext(runtime);
      described.push(runtime.describe((await reply()).error));
    }
    expect(described).toMatchObject([
      { final: false, hidden: true, ofEngine: false },
      { final: true, failure: { message: "no such bill" } },
      { final: false, retryAfterMs: 3_000 },
    ]);
  });

  test("that was given up is told of, and delivered once more when it is asked for", async () => {
    const lines = { down: true };
    const { start, runtime, reply, billing, heard } = app(() => {
      if (lines.down) throw new FinalError("the line is down");
    });
    const { id } = await start(1);
    await runNext(runtime);
    await reply();
    const { replies, nextCursor } = await billing.deadLetters();
    expect(replies).toEqual([
      {
        id: expect.any(String) as string,
        call: id,
        path: "book",
        attempts: 1,
        failure: { code: "FAILED", message: "the line is down" },
        endedAt: expect.any(Date) as Date,
      },
    ]);
    expect(nextCursor).toBeNull();
    lines.down = false;
    const dead = replies[0]!.id;
    expect([await billing.retry(dead), await billing.retry(dead)]).toEqual([true, false]);
    expect((await reply()).error).toBeUndefined();
    expect(heard.map(([told]) => told.id)).toEqual([id, id]);
    expect(await rejection(billing.retry(id))).toMatchObject({ code: "NOT_FOUND" });
    expect(await rejection(billing.retry(unknownId))).toMatchObject({ code: "NOT_FOUND" });
    expect(await rejection(billing.deadLetters({ limit: 0 }))).toMatchObject({ _tag: "InvalidOption" });
  });

  test("is nothing that callers see, start, or may own", async () => {
    const { start, runtime, router, billing, reply } = app(() => {
      throw new FinalError("no");
    });
    const { id } = await start(1);
    await runNext(runtime);
    await reply();
    const { calls } = router.createCaller(ann);
    expect((await calls.list()).calls.map((call) => call.id)).toEqual([id]);
    const dead = (await billing.deadLetters()).replies[0]!.id;
    for (const verb of ["get", "cancel", "retry", "replay"] as const)
      expect(await rejection(calls[verb]({ id: dead }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await rejection(calls.start({ path: "~reply/billing/book" }))).toMatchObject({ code: "NOT_FOUND" });
    const options = { reply: { queue: "billing" } } as object;
    expect(await rejection(calls.start({ path: "book", input: 1, options }))).toMatchObject({ code: "BAD_REQUEST" });
    expect(await rejection(router.createCaller({ user: "~reply/billing" }).calls.list())).toMatchObject({ code: "INTERNAL_SERVER_ERROR" });
  });

  test("is not written for what a client replays, and is for what it retries", async () => {
    const { start, runtime, router, heard, reply } = app();
    const { id } = await start(3);
    await runNext(runtime);
    await reply();
    const { calls } = router.createCaller(ann);
    await calls.replay({ id });
    await runNext(runtime);
    expect(await rejection(reply())).toMatchObject({ message: expect.stringContaining("No call to claim") as string });
    const retried = await calls.retry({ id });
    await runNext(runtime);
    await reply();
    expect(heard.map(([told]) => [told.id, told.repeats])).toEqual([
      [id, null],
      [retried.id, id],
    ]);
  });

  test("without a consumer for its path is unknown to this process", async () => {
    const { raincheck, runtime, other } = app();
    await raincheck.start(other, undefined, { ctx: ann, reply: { queue: "billing" } });
    await runNext(runtime);
    const { error } = await runNext(runtime, { queue: runtime.replyQueues()[0]! });
    expect(runtime.describe(error).failure.code).toBe("UNKNOWN_PROCEDURE");
    expect(await runtime.policyAt("~reply/billing/other")).toBeNull();
    expect(await runtime.policyAt("~reply/billing/book")).toMatchObject({ timeoutMs: 900_000 });
  });
});

describe("raincheck.replies()", () => {
  test("refuses what it cannot use, with the mend", () => {
    const { raincheck } = testRaincheck();
    expect(() => raincheck.replies("a b", {})).toThrow("Invalid queue");
    expect(() => raincheck.replies("a", null as never)).toThrow("Invalid handlers");
    expect(() => raincheck.replies("a", { book: "nothing" as never })).toThrow('Invalid handlers["book"]');
    expect(() => raincheck.replies("a", {}, { retry: { attempts: 0 } })).toThrow("attempts");
    expect(() => raincheck.replies("a", {}, { queue: "b" } as never)).toThrow("Unknown option options.queue");
    raincheck.replies("a", {});
    expect(() => raincheck.replies("a", {})).toThrow("Put all handlers of a queue into one.");
  });

  test("is refused once a worker has asked for the queues, which would not take its replies", () => {
    const { raincheck, runtime } = testRaincheck();
    raincheck.replies("a", {});
    expect(runtime.replyQueues()).toEqual(["reply/a"]);
    expect(() => raincheck.replies("b", {})).toThrow('raincheck.replies("b") was called after runWorker()');
  });

  test("start() refuses a reply queue without a name", async () => {
    const { raincheck, book } = app();
    for (const reply of [{}, { queue: "a b" }, { queue: "" }])
      expect(await rejection(raincheck.start(book, 1, { ctx: ann, reply: reply as never }))).toMatchObject({ _tag: "InvalidOption" });
  });
});
