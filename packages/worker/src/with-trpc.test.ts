import { memoryEngine } from "@raincheck/engine/memory";
import { type CallMode, FinalError, RetryError } from "@raincheck/protocol";
import { initRaincheck } from "@raincheck/server";
import { initTRPC } from "@trpc/server";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { runWorker } from "./run-worker.ts";
import type { WorkerLogEntry } from "./worker-log.ts";

interface Context {
  readonly user: string;
  readonly mode?: CallMode;
}

test("a worker is refused a raincheck whose router was never bound", async () => {
  const raincheck = initRaincheck
    .context<Context>()
    .create({ engine: memoryEngine(), principal: ({ user }) => user, restore: () => ({ user: "" }) });
  await expect(runWorker({ raincheck, signals: false })).rejects.toThrow("Call raincheck.bind(appRouter)");
});

/** An application with a worker, in one process: the real server, the real engine port, real time. */
async function application() {
  const engine = memoryEngine();
  const raincheck = initRaincheck.context<Context>().create({
    engine,
    principal: ({ user }) => user,
    capture: ({ user }) => ({ user }),
    restore: ({ user }) => ({ user: `${user} (restored)` }),
  });
  const t = initTRPC.context<Context>().create();
  const begun = Promise.withResolvers<AbortSignal>();
  const attempts: number[] = [];
  const router = raincheck.bind(
    t.router({
      double: raincheck.deferrable(t.procedure.input(z.number())).mutation(({ input, ctx }) => ({ doubled: input * 2, by: ctx.user })),
      book: raincheck.deferrable(t.procedure).mutation(({ ctx }) => ctx.call.commit(async () => "booked")),
      steps: raincheck.deferrable(t.procedure).mutation(({ ctx }) => {
        ctx.call.progress({ done: 1, total: 2 });
        return "done";
      }),
      refuse: raincheck.deferrable(t.procedure).mutation(() => {
        throw new FinalError("Not for you.", { code: "NOT_FOR_YOU" });
      }),
      flaky: raincheck.deferrable(t.procedure).mutation(({ ctx }) => {
        attempts.push(ctx.call.attempt);
        if (ctx.call.attempt < 3) throw new RetryError({ after: "0 seconds" });
        return ctx.call.attempt;
      }),
      broken: raincheck.deferrable(t.procedure, { retry: { attempts: 1 } }).mutation(() => {
        throw new Error("password=secret");
      }),
      wait: raincheck.deferrable(t.procedure).mutation(({ signal }) => {
        begun.resolve(signal!);
        return new Promise<never>(() => {});
      }),
    }),
  );
  const log: WorkerLogEntry[] = [];
  const worker = await runWorker({ raincheck, signals: false, log: (entry) => void log.push(entry) });
  const ctx: Context = { user: "ada" };
  return { raincheck, router, ctx, log, attempts, begun: begun.promise, [Symbol.asyncDispose]: () => (void worker.stop(), worker.stop()) };
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

describe("a worker of a tRPC application", () => {
  test("runs a procedure with the restored context, and its caller gets the typed output", async () => {
    await using app = await application();
    const handle = await app.raincheck.start(app.router.double, 21, { ctx: app.ctx });
    expect(await handle.result()).toEqual({ doubled: 42, by: "ada (restored)" });
  });

  test("settles ctx.call.commit() once", async () => {
    await using app = await application();
    const handle = await app.raincheck.start(app.router.book, undefined, { ctx: app.ctx });
    expect(await handle.result()).toBe("booked");
    expect((await all(handle.events())).map(({ type }) => type)).toEqual(["queued", "started", "succeeded"]);
  });

  test("tells progress before the end", async () => {
    await using app = await application();
    const handle = await app.raincheck.start(app.router.steps, undefined, { ctx: app.ctx });
    const events = await all(handle.events());
    expect(events.slice(2)).toMatchObject([
      { type: "progress", value: { done: 1, total: 2 } },
      { type: "succeeded", output: "done" },
    ]);
  });

  test("fails at once what was thrown as final, and retries what asks for it", async () => {
    await using app = await application();
    const refused = await app.raincheck.start(app.router.refuse, undefined, { ctx: app.ctx });
    await expect(refused.result()).rejects.toMatchObject({ _tag: "CallFailed", code: "NOT_FOR_YOU", message: "Not for you." });
    const flaky = await app.raincheck.start(app.router.flaky, undefined, { ctx: app.ctx });
    expect(await flaky.result()).toBe(3);
    expect(app.attempts).toEqual([1, 2, 3]);
  });

  test("logs an unexpected error under the id that its caller sees", async () => {
    await using app = await application();
    const handle = await app.raincheck.start(app.router.broken, undefined, { ctx: app.ctx });
    const failed = await handle.result().catch((error: unknown) => error);
    expect(failed).toMatchObject({ _tag: "CallFailed", code: "INTERNAL_SERVER_ERROR" });
    expect(JSON.stringify(failed)).not.toContain("secret");
    const entry = app.log.find(({ event }) => event === "attempt-failed");
    expect(entry).toMatchObject({ level: "error", error: { message: "password=secret" } });
    expect(failed).toMatchObject({ failure: { errorId: entry!.errorId } });
  });

  test("tells a resolver that its call was cancelled", async () => {
    await using app = await application();
    const handle = await app.raincheck.start(app.router.wait, undefined, { ctx: app.ctx });
    const signal = await app.begun;
    const aborted = new Promise<unknown>((resolve) => signal.addEventListener("abort", () => resolve(signal.reason)));
    expect(await handle.cancel("enough")).toBe(true);
    expect(await aborted).toMatchObject({ _tag: "AttemptAborted", reason: "cancelled" });
    await expect(handle.result()).rejects.toMatchObject({ _tag: "CallCancelled", reason: "enough" });
  });
});
