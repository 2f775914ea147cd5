import { type Engine, EngineUnavailable, type Settlement } from "@raincheck/engine";
import { describe, expect, test } from "vitest";
import { settled } from "../test/virtual-time.ts";
import { workerUnderTest } from "../test/worker-under-test.ts";

/** An engine whose first settles fail: before they reach the ledger, or after it has them. */
function failingSettles(times: number, where: "before" | "after", error: () => Error) {
  const tried: Settlement[] = [];
  const wrap = (engine: Engine): Engine => ({
    ...engine,
    async settle(attempt, settlement) {
      tried.push(settlement);
      const fails = tried.length <= times;
      if (fails && where === "before") throw error();
      const result = await engine.settle(attempt, settlement);
      if (fails) throw error();
      return result;
    },
  });
  return { tried, wrap };
}

const gone = () => new EngineUnavailable("settle", new Error("connection reset"));

describe("a settle", () => {
  test.each([
    ["never reached the ledger", "before"],
    ["was written, though its answer was lost", "after"],
  ] as const)("that %s is settled again, and the resolver does not run again", async (_name, where) => {
    let runs = 0;
    const failing = failingSettles(where === "before" ? 20 : 3, where, gone);
    await using under = await workerUnderTest({ procedures: { count: { run: () => ++runs } }, wrap: failing.wrap });
    const id = await under.call("count");
    await under.time.advance(120_000);
    expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded", attempt: 1, output: "1" });
    expect(runs).toBe(1);
    // The same act with the same arguments: that is what makes repeating it safe.
    expect(new Set(failing.tried.map((settlement) => JSON.stringify(settlement))).size).toBe(1);
    expect((await under.events(id)).map(({ type }) => type)).toEqual(["queued", "started", "succeeded"]);
    expect(under.logged("result-waiting")).toHaveLength(1);
    expect(under.worker.status()).toMatchObject({ running: 0, outcomes: { succeeded: 1, failed: 0 } });
  });

  test("keeps its slot and its lease while it waits", async () => {
    const failing = failingSettles(Infinity, "before", gone);
    await using under = await workerUnderTest({
      concurrency: 1,
      lease: "4 seconds",
      procedures: { noop: { run: () => null } },
      wrap: failing.wrap,
    });
    const id = await under.call("noop");
    await under.call("noop");
    await under.time.advance(60_000);
    expect(await under.when(id, () => true)).toMatchObject({ state: "running", attempt: 1 });
    expect(under.worker.status().running).toBe(1);
  });

  test("that the ledger refuses for good ends the call as failed", async () => {
    let refused = 0;
    const wrap = (engine: Engine): Engine => ({
      ...engine,
      async settle(attempt, settlement) {
        if (settlement.type !== "succeeded") return engine.settle(attempt, settlement);
        refused += 1;
        throw new TypeError("a value that cannot be stored");
      },
    });
    await using under = await workerUnderTest({ procedures: { odd: { run: () => "odd" } }, wrap });
    const id = await under.call("odd");
    await under.time.advance(30_000);
    expect(await under.whenEnded(id)).toMatchObject({ state: "failed", failure: { code: "OUTPUT_NOT_STORABLE" } });
    expect(refused).toBe(5);
    expect(under.logged("result-dropped")).toMatchObject([{ level: "error", call: { id } }]);
  });

  test("that is refused by the wrong name for an outage still succeeds", async () => {
    const failing = failingSettles(4, "before", () => new Error("CONNECTION_CLOSED"));
    await using under = await workerUnderTest({ procedures: { noop: { run: () => "kept" } }, wrap: failing.wrap });
    const id = await under.call("noop");
    await under.time.advance(30_000);
    expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded", output: `"kept"` });
  });

  test("is not repeated when it succeeds", async () => {
    const failing = failingSettles(0, "before", gone);
    await using under = await workerUnderTest({ procedures: { noop: { run: () => null } }, wrap: failing.wrap });
    await under.whenEnded(await under.call("noop"));
    await settled();
    expect(failing.tried).toHaveLength(1);
    expect(under.logged("result-waiting")).toEqual([]);
  });
});
