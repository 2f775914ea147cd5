import type { AttemptRef, Engine } from "@raincheck/engine";
import { EngineUnavailable } from "@raincheck/engine";
import { describe, expect, test } from "vitest";
import { HeldProcedure } from "../test/fake-raincheck.ts";
import { settled } from "../test/virtual-time.ts";
import { workerUnderTest } from "../test/worker-under-test.ts";

/** An engine whose `extend` the test can hold up; everything else goes on. */
function extendable() {
  const asked: (readonly AttemptRef[])[] = [];
  const control = {
    asked,
    mode: "works" as "works" | "lies" | "rejects" | "hangs",
    wrap: (engine: Engine): Engine => ({
      ...engine,
      async extend(attempts, leaseMs) {
        asked.push(attempts);
        if (control.mode === "lies") return [];
        if (control.mode === "rejects") throw new EngineUnavailable("extend", new Error("gone"));
        if (control.mode === "hangs") return new Promise(() => {});
        return engine.extend(attempts, leaseMs);
      },
    }),
  };
  return control;
}

describe("leases", () => {
  test("are renewed while the attempt runs, all in one request", async () => {
    const extend = extendable();
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ lease: "4 seconds", procedures: { held }, wrap: extend.wrap });
    const ids = await Promise.all([under.call("held"), under.call("held"), under.call("held")]);
    const runs = [await held.next(), await held.next(), await held.next()];
    await under.time.advance(300_000);
    expect(extend.asked.filter((attempts) => attempts.length === 3).length).toBeGreaterThanOrEqual(295);
    for (const run of runs) run.succeed(run.call.attempt);
    for (const id of ids) expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded", attempt: 1 });
  });

  test("that are not renewed end, and the zombie's result is dropped", async () => {
    const extend = extendable();
    const held = new HeldProcedure();
    await using one = await workerUnderTest({ concurrency: 1, procedures: { held }, wrap: extend.wrap });
    const id = await one.call("held");
    const first = await held.next();
    // Told that all is well, while nothing is renewed: what a process that was stopped and continued believes.
    extend.mode = "lies";
    await using two = await workerUnderTest({ beside: one, procedures: { held } });
    await one.time.advance(4_300);
    const second = await held.next();
    expect(second.call).toMatchObject({ id, attempt: 2, failures: 0 });

    extend.mode = "works";
    await one.time.advance(1_000);
    expect(await first.aborted).toBe("lost");
    first.succeed("zombie");
    await settled();
    second.succeed("living");
    expect(await two.whenEnded(id)).toMatchObject({ state: "succeeded", attempt: 2, output: `"living"` });
    expect(one.worker.status()).toMatchObject({ running: 0, outcomes: { lost: 1, succeeded: 0 } });
    expect(one.logged("attempt-lost")).toMatchObject([{ level: "warn", call: { id, attempt: 1 } }]);
  });

  test("a result that comes after the loss, but before it is noticed, is stale and dropped", async () => {
    const extend = extendable();
    const held = new HeldProcedure();
    await using one = await workerUnderTest({
      concurrency: 1,
      procedures: { held },
      wrap: (engine) => ({ ...extend.wrap(engine), subscribe: () => () => {} }),
    });
    const id = await one.call("held");
    const first = await held.next();
    extend.mode = "lies";
    await using two = await workerUnderTest({ beside: one, procedures: { held } });
    await one.time.advance(4_300);
    const second = await held.next();
    first.succeed("zombie");
    await settled();
    expect(one.worker.status().outcomes).toMatchObject({ stale: 1, succeeded: 0 });
    expect(one.logged("result-stale")).toMatchObject([{ call: { id, attempt: 1 } }]);
    second.succeed("living");
    expect(await two.whenEnded(id)).toMatchObject({ output: `"living"` });
  });

  test.each(["rejects", "hangs"] as const)(
    "are given up before they end when the engine %s, and the call goes back uncounted",
    async (mode) => {
      const extend = extendable();
      const held = new HeldProcedure({ retry: { attempts: 1 } });
      await using under = await workerUnderTest({ lease: "4 seconds", procedures: { held }, wrap: extend.wrap });
      const id = await under.call("held");
      const run = await held.next();
      extend.mode = mode;
      await under.time.advance(3_499);
      expect(run.signal.aborted).toBe(false);
      await under.time.advance(2);
      expect(await run.aborted).toBe("lost");
      extend.mode = "works";
      const again = await held.next();
      expect(again.call).toMatchObject({ id, attempt: 2, failures: 0 });
      expect((await under.events(id)).find(({ type }) => type === "retrying")).toMatchObject({ reason: "handed-back" });
      await under.time.advance(60_000);
      expect(again.signal.aborted).toBe(false);
      again.succeed("done");
      expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded", attempt: 2 });
    },
  );
});

describe("a worker whose event loop was held", () => {
  test("for nearly as long as the lease does not hand its attempts back: that would cost nothing, and could go on for ever", async () => {
    const extend = extendable();
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ lease: "4 seconds", procedures: { held }, wrap: extend.wrap });
    const id = await under.call("held");
    const run = await held.next();
    // The twin is above: an engine that hangs, and a loop that does not.
    extend.mode = "hangs";
    under.time.freeze(3_800);
    await under.time.advance(0);
    expect(await run.aborted).toBe("lost");
    expect(await under.when(id, () => true)).toMatchObject({ state: "running", attempt: 1 });
    extend.mode = "works";
    await under.time.advance(200);
    const again = await held.next();
    expect((await under.events(id)).filter(({ type }) => type === "retrying")).toMatchObject([{ reason: "lost", attempt: 1 }]);
    again.succeed();
    await under.whenEnded(id);
  });

  test("for longer than the lease gives its attempts up as lost, and the ledger counts the crash", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ lease: "4 seconds", procedures: { held } });
    const id = await under.call("held");
    const run = await held.next();
    await under.time.advance(1_500);
    under.time.freeze(10_000);
    await under.time.advance(10);
    expect(await run.aborted).toBe("lost");
    const again = await held.next();
    expect((await under.events(id)).filter(({ type }) => type === "retrying")).toMatchObject([{ reason: "lost", attempt: 1 }]);
    expect(under.logged("event-loop-late")).toMatchObject([
      {
        level: "warn",
        message: expect.stringContaining("Running were: held.") as string,
        facts: { leaseMs: 4_000, cpuMs: 10_000, paths: ["held"] },
      },
    ]);
    again.succeed("done");
    expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded", attempt: 2 });
  });

  test("because the process was stopped is told so, and no resolver is blamed", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ lease: "4 seconds", procedures: { held } });
    await under.call("held");
    await held.next();
    under.time.freeze(6_000, 15);
    await under.time.advance(10);
    expect(under.logged("event-loop-late")).toMatchObject([
      { message: expect.stringMatching(/^The process stood still for \d+ ms and had 15 ms of CPU/) as string, facts: { cpuMs: 15 } },
    ]);
  });

  test("is told of; one whose loop runs freely is not", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ lease: "4 seconds", procedures: { held } });
    await under.call("held");
    await held.next();
    await under.time.advance(60_000);
    expect(under.logged("event-loop-late")).toEqual([]);
  });
});

describe("a cancel", () => {
  test("is told at once, and the late result is dropped", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ lease: "1 hour", procedures: { held } });
    const id = await under.call("held");
    const run = await held.next();
    await under.time.advance(1_000);
    await under.engine.cancel(id, { principal: null }, "enough");
    // No time passes here, and the next regular request would come in a quarter of an hour.
    expect(await run.aborted).toBe("cancelled");
    run.succeed("too late");
    await settled();
    expect(await under.whenEnded(id)).toMatchObject({ state: "cancelled", output: null });
    expect(under.worker.status()).toMatchObject({ running: 0, outcomes: { cancelled: 1, stale: 0 } });
  });

  test("is told at the next regular request when no wake comes", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({
      lease: "4 seconds",
      procedures: { held },
      wrap: (engine) => ({ ...engine, subscribe: () => () => {} }),
    });
    const id = await under.call("held");
    const run = await held.next();
    await under.time.advance(1_100);
    await under.engine.cancel(id, { principal: null }, null);
    await settled();
    expect(run.signal.aborted).toBe(false);
    await under.time.advance(1_000);
    expect(await run.aborted).toBe("cancelled");
  });

  test("right after the attempt's own write is told a quarter of a second later", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ lease: "1 hour", procedures: { held } });
    const id = await under.call("held");
    const run = await held.next();
    await under.engine.cancel(id, { principal: null }, null);
    await under.time.advance(249);
    expect(run.signal.aborted).toBe(false);
    await under.time.advance(1);
    expect(await run.aborted).toBe("cancelled");
  });
});

describe("wakes", () => {
  test("of the worker's own progress cause few requests", async () => {
    const extend = extendable();
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ lease: "1 hour", procedures: { held }, wrap: extend.wrap });
    const id = await under.call("held");
    const run = await held.next();
    for (let done = 0; done < 100; done++) {
      run.progress(done);
      await under.time.advance(100);
    }
    run.succeed();
    await under.whenEnded(id);
    expect((await under.events(id)).filter(({ type }) => type === "progress")).toHaveLength(100);
    expect(extend.asked.length).toBeGreaterThan(0);
    expect(extend.asked.length).toBeLessThanOrEqual(42);
  });

  test("of one call that come while a request is in flight share the next", async () => {
    let asked = 0;
    let inFlight = 0;
    let mostInFlight = 0;
    const holding = Promise.withResolvers<void>();
    const held = new HeldProcedure();
    const wakes: (() => void)[] = [];
    await using under = await workerUnderTest({
      lease: "1 hour",
      procedures: { held },
      wrap: (engine) => ({
        ...engine,
        subscribe: (id, wake) => (wakes.push(() => wake("unknown")), engine.subscribe(id, wake)),
        async extend(attempts, leaseMs) {
          asked += 1;
          mostInFlight = Math.max(mostInFlight, ++inFlight);
          await holding.promise;
          inFlight -= 1;
          return engine.extend(attempts, leaseMs);
        },
      }),
    });
    const id = await under.call("held");
    const run = await held.next();
    await under.time.advance(1_000);
    asked = 0;
    for (let wake = 0; wake < 50; wake++) {
      for (const tell of wakes) tell();
      await settled();
    }
    expect(asked).toBeLessThanOrEqual(1);
    holding.resolve();
    await settled();
    expect(asked).toBeLessThanOrEqual(2);
    expect(mostInFlight).toBe(1);
    run.succeed();
    await under.whenEnded(id);
  });

  test("after ctx.call.commit() do not abort a resolver that has something left to do", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ lease: "4 seconds", procedures: { held } });
    const id = await under.call("held");
    const run = await held.next();
    await under.time.advance(1_000);
    await run.commit("booked");
    await under.time.advance(20_000);
    expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded", output: `"booked"` });
    expect(run.signal.aborted).toBe(false);
    run.succeed("booked");
    await settled();
    expect(under.worker.status()).toMatchObject({ running: 0, outcomes: { succeeded: 1, lost: 0 } });
  });
});
