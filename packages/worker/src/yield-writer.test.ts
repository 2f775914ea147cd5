import { type Engine, EngineUnavailable, type Yields } from "@raincheck/engine";
import { describe, expect, test } from "vitest";
import { HeldProcedure } from "../test/fake-raincheck.ts";
import { settled } from "../test/virtual-time.ts";
import { type WorkerUnderTest, workerUnderTest } from "../test/worker-under-test.ts";

/** An engine whose appends wait for the test, each in its turn. */
function heldAppends() {
  const asked: { readonly yields: Yields; readonly answer: () => void; readonly refuse: (error: unknown) => void }[] = [];
  const wrap = (engine: Engine): Engine => ({
    ...engine,
    append: (attempt, yields) =>
      new Promise((resolve, reject) => {
        asked.push({ yields, answer: () => resolve(engine.append(attempt, yields)), refuse: reject });
      }),
  });
  return { asked, wrap };
}

async function yielded(under: WorkerUnderTest, id: string): Promise<readonly string[]> {
  const events = await under.events(id);
  return events.flatMap((event) => (event.type === "yielded" ? [event.value] : []));
}

describe("what is yielded", () => {
  test("is written at once, and what comes meanwhile goes together next, in order, equal values too", async () => {
    const held = new HeldProcedure();
    const { asked, wrap } = heldAppends();
    await using under = await workerUnderTest({ procedures: { held }, wrap });
    const id = await under.call("held");
    const run = await held.next();
    void run.yields.put("1");
    await settled();
    expect(asked.map(({ yields }) => yields)).toEqual([{ after: 0, values: ["1"] }]);
    for (const value of ["2", "2", "3"]) expect(run.yields.put(value)).toBeUndefined();
    await settled();
    expect(asked).toHaveLength(1);
    asked[0]!.answer();
    await settled();
    expect(asked[1]!.yields).toEqual({ after: 1, values: ["2", "2", "3"] });
    asked[1]!.answer();
    await run.yields.flush();
    expect(await yielded(under, id)).toEqual(["1", "2", "2", "3"]);
    run.succeed();
    await under.whenEnded(id);
  });

  test("holds the generator when too much waits, by number or by size, until there is room", async () => {
    for (const { value, fit } of [
      { value: "1", fit: 256 },
      { value: "x".repeat(60_000), fit: 5 },
    ]) {
      const held = new HeldProcedure();
      const { asked, wrap } = heldAppends();
      await using under = await workerUnderTest({ procedures: { held }, wrap });
      const id = await under.call("held");
      const run = await held.next();
      void run.yields.put("first");
      await settled();
      for (let count = 1; count < fit; count++) expect(run.yields.put(value)).toBeUndefined();
      let hasRoom = false;
      const room = run.yields.put(value)!.then(() => (hasRoom = true));
      await settled();
      expect(hasRoom).toBe(false);
      asked[0]!.answer();
      await room;
      await settled();
      expect(asked[1]!.yields.values).toHaveLength(fit);
      asked[1]!.answer();
      await run.yields.flush();
      run.succeed();
      await under.whenEnded(id);
    }
  });

  test("survives an outage, and an answer that was lost: each value is written once", async () => {
    let isDown = true;
    let isDeaf = true;
    const held = new HeldProcedure();
    const unavailable = (): Promise<never> => Promise.reject(new EngineUnavailable("append", new Error("gone")));
    const wrap = (engine: Engine): Engine => ({
      ...engine,
      async append(attempt, yields) {
        if (isDown) return unavailable();
        const result = await engine.append(attempt, yields);
        return isDeaf ? unavailable() : result;
      },
    });
    await using under = await workerUnderTest({ procedures: { held }, wrap });
    const id = await under.call("held");
    const run = await held.next();
    void run.yields.put("1");
    void run.yields.put("1");
    await under.time.advance(2_000);
    expect(await yielded(under, id)).toEqual([]);
    isDown = false;
    await under.time.advance(2_000);
    void run.yields.put("2");
    isDeaf = false;
    await under.time.advance(1_000);
    await run.yields.flush();
    expect(await yielded(under, id)).toEqual(["1", "1", "2"]);
    expect(run.signal.aborted).toBe(false);
    run.succeed();
    await under.whenEnded(id);
  });

  test("that the ledger calls stale makes the worker ask why, and is dropped from then on", async () => {
    const held = new HeldProcedure();
    // Without wakes, so that nothing but the append can tell.
    const wrap = (engine: Engine): Engine => ({ ...engine, subscribe: () => () => {} });
    await using under = await workerUnderTest({ lease: "1 hour", procedures: { held }, wrap });
    const id = await under.call("held");
    const run = await held.next();
    await under.engine.cancel(id, { principal: null }, null);
    await settled();
    expect(run.signal.aborted).toBe(false);
    void run.yields.put("1");
    expect(await run.aborted).toBe("cancelled");
    await run.yields.put("2");
    expect(await run.yields.flush()).toBe(false);
    expect((await under.events(id)).map(({ type }) => type)).toEqual(["queued", "started", "cancelled"]);
  });

  test("that the engine refuses fails the resolver with the reason", async () => {
    const held = new HeldProcedure({ retry: { attempts: 1 } });
    const { asked, wrap } = heldAppends();
    await using under = await workerUnderTest({ procedures: { held }, wrap });
    const id = await under.call("held");
    const run = await held.next();
    void run.yields.put("1");
    await settled();
    const refusal = new Error("no such thing");
    const flushed = run.yields.flush().catch((error: unknown) => error);
    asked[0]!.refuse(refusal);
    expect(await flushed).toBe(refusal);
    await expect(run.yields.put("2")).rejects.toBe(refusal);
    run.fail(refusal);
    expect(await under.whenEnded(id)).toMatchObject({ state: "failed" });
  });

  test("comes before an end that was given from outside; what hangs holds that for a second", async () => {
    for (const hangs of [false, true]) {
      const held = new HeldProcedure({ timeout: "1 minute", retry: { attempts: 1 } });
      const { asked, wrap } = heldAppends();
      await using under = await workerUnderTest({ procedures: { held }, wrap });
      const id = await under.call("held");
      const run = await held.next();
      void run.yields.put("1");
      await settled();
      await under.time.advance(60_000);
      expect(await run.aborted).toBe("timed-out");
      expect((await under.when(id, () => true)).state).toBe("running");
      const flushed = run.yields.flush();
      if (hangs) await under.time.advance(1_000);
      else asked[0]!.answer();
      expect(await flushed).toBe(!hangs);
      expect(await under.whenEnded(id)).toMatchObject({ state: "failed", failure: { code: "TIMED_OUT" } });
      if (hangs) asked[0]!.answer();
      await settled();
      expect((await under.events(id)).slice(2).map(({ type }) => type)).toEqual(hangs ? ["failed"] : ["yielded", "failed"]);
      run.succeed();
    }
  });

  test("is dropped when the first of it comes after the end of the attempt, and is not told as kept", async () => {
    const held = new HeldProcedure({ timeout: "1 minute", retry: { attempts: 1 } });
    const { asked, wrap } = heldAppends();
    await using under = await workerUnderTest({ procedures: { held }, wrap });
    const id = await under.call("held");
    const run = await held.next();
    await under.time.advance(60_000);
    expect(await under.whenEnded(id)).toMatchObject({ state: "failed", failure: { code: "TIMED_OUT" } });
    await run.yields.put("1");
    expect(await run.yields.flush()).toBe(false);
    await settled();
    expect(asked).toEqual([]);
    run.succeed();
  });
});
