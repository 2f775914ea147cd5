import { describe, expect, test } from "vitest";
import { historyOf, livenessFixture } from "./liveness-fixture.ts";

const ctx = { user: "ada" };

describe("a resolver that computes for longer than the lease", () => {
  test("keeps its call, and its neighbours theirs, by a thread; a warning names it", async () => {
    await using fixture = await livenessFixture();
    const { app } = fixture;
    const worker = await fixture.worker({ leaseMs: 3_000 });
    const neighbour = await app.raincheck.start(app.router.wait, { ms: 7_000 }, { ctx });
    await worker.told("waiting");
    const computing = await app.raincheck.start(app.router.compute, { ms: 7_000 }, { ctx });
    expect(await computing.result()).toBe(true);
    expect(await neighbour.result()).toBe(7_000);
    expect(await historyOf(fixture, computing.id)).toBe("queued started succeeded");
    expect(await historyOf(fixture, neighbour.id)).toBe("queued started succeeded");
    await worker.until(() => worker.logged("event-loop-late").length > 0);
    const [warning] = worker.logged("event-loop-late");
    expect(warning?.message).toContain("compute");
    expect(warning?.facts?.["lagMs"]).toBeGreaterThan(5_000);
    expect(worker.logged("attempt-lost")).toEqual([]);
  });

  test("loses it without the heartbeat, and what it returned is dropped", async () => {
    await using fixture = await livenessFixture();
    const { app } = fixture;
    const worker = await fixture.worker({ leaseMs: 1_000, heartbeatMs: 0 });
    const computing = await app.raincheck.start(app.router.compute, { ms: 3_000 }, { ctx });
    await worker.told("computing", 2);
    expect(await historyOf(fixture, computing.id)).toMatch(/^queued started lost started/);
  });

  test("and for longer than the heartbeat may last loses it too", async () => {
    await using fixture = await livenessFixture();
    const { app } = fixture;
    const worker = await fixture.worker({ leaseMs: 1_000, heartbeatMs: 1_000 });
    const computing = await app.raincheck.start(app.router.compute, { ms: 4_000 }, { ctx });
    await worker.told("computing", 2);
    expect(await historyOf(fixture, computing.id)).toMatch(/^queued started lost started/);
  });
});
