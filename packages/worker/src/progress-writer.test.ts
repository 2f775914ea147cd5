import { type Engine, EngineUnavailable } from "@raincheck/engine";
import { describe, expect, test } from "vitest";
import { HeldProcedure } from "../test/fake-raincheck.ts";
import { settled } from "../test/virtual-time.ts";
import { workerUnderTest } from "../test/worker-under-test.ts";

describe("progress", () => {
  test("is written at once when none was recent, then the latest value after a while", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ procedures: { held } });
    const id = await under.call("held");
    const run = await held.next();
    run.progress(1);
    expect((await under.when(id, ({ progress }) => progress !== null)).progress).toBe("1");
    for (let value = 2; value <= 50; value++) run.progress(value);
    await settled();
    expect((await under.when(id, () => true)).progress).toBe("1");
    await under.time.advance(99);
    expect((await under.when(id, () => true)).progress).toBe("1");
    await under.time.advance(1);
    expect((await under.when(id, () => true)).progress).toBe("50");
    run.succeed();
    await under.whenEnded(id);
    expect((await under.events(id)).map(({ type }) => type)).toEqual(["queued", "started", "progress", "progress", "succeeded"]);
  });

  test("that is being written when the attempt ends comes before the end; what has not been sent is dropped", async () => {
    const holding = Promise.withResolvers<void>();
    const isReporting = Promise.withResolvers<void>();
    const held = new HeldProcedure();
    await using under = await workerUnderTest({
      procedures: { held },
      wrap: (engine) => ({
        ...engine,
        async report(attempt, progress) {
          isReporting.resolve();
          await holding.promise;
          return engine.report(attempt, progress);
        },
      }),
    });
    const id = await under.call("held");
    const run = await held.next();
    run.progress("sent");
    run.progress("not sent");
    await isReporting.promise;
    run.succeed("done");
    await settled();
    expect((await under.when(id, () => true)).state).toBe("running");
    holding.resolve();
    await under.whenEnded(id);
    expect((await under.events(id)).slice(2)).toMatchObject([{ type: "progress", value: `"sent"` }, { type: "succeeded" }]);
    await under.time.advance(1_000);
    expect((await under.events(id)).at(-1)).toMatchObject({ type: "succeeded" });
  });

  test("that hangs holds the result for a second, not for ever", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({
      procedures: { held },
      wrap: (engine) => ({ ...engine, report: () => new Promise(() => {}) }),
    });
    const id = await under.call("held");
    const run = await held.next();
    run.progress(1);
    await settled();
    run.succeed("done");
    await under.time.advance(1_000);
    expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded" });
  });

  test("survives an outage: the latest value is written when the engine is back", async () => {
    let isDown = true;
    const held = new HeldProcedure();
    const wrap = (engine: Engine): Engine => ({
      ...engine,
      report: (attempt, progress) =>
        isDown ? Promise.reject(new EngineUnavailable("report", new Error("gone"))) : engine.report(attempt, progress),
    });
    await using under = await workerUnderTest({ procedures: { held }, wrap });
    const id = await under.call("held");
    const run = await held.next();
    run.progress(1);
    await under.time.advance(2_000);
    run.progress(2);
    await under.time.advance(2_000);
    isDown = false;
    await under.time.advance(5_000);
    expect((await under.when(id, () => true)).progress).toBe("2");
    expect(run.signal.aborted).toBe(false);
    run.succeed();
    await under.whenEnded(id);
  });

  test("that the ledger refuses as stale makes the worker ask why, and tell the resolver", async () => {
    const held = new HeldProcedure();
    // Without wakes, so that nothing but the report can tell.
    await using under = await workerUnderTest({
      lease: "1 hour",
      procedures: { held },
      wrap: (engine) => ({ ...engine, subscribe: () => () => {} }),
    });
    const id = await under.call("held");
    const run = await held.next();
    await under.engine.cancel(id, { principal: null }, null);
    await settled();
    expect(run.signal.aborted).toBe(false);
    run.progress(1);
    expect(await run.aborted).toBe("cancelled");
  });

  test("after the end is ignored", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ procedures: { held } });
    const id = await under.call("held");
    const run = await held.next();
    run.succeed();
    await under.whenEnded(id);
    run.progress("late");
    await under.time.advance(1_000);
    expect((await under.events(id)).map(({ type }) => type)).toEqual(["queued", "started", "succeeded"]);
  });
});
