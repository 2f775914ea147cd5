import { describe, expect, test } from "vitest";
import { type LivenessFixture, historyOf, livenessFixture } from "./liveness-fixture.ts";
import type { WorkerProcess } from "./run-worker-process.ts";

const ctx = { user: "ada" };
const graceMs = 2_000;
/** What a busy machine may take longer for than the worker promises. */
const slackMs = 1_000;

/** A claim that was under way when the worker was told to stop may still bring what it has just handed back: that goes back too. */
const handedBack = /^queued(?: started handed-back)+$/;
const leftOrHandedBack = /^queued(?: started handed-back)*$/;

/** A worker that runs a call which takes long. */
async function busyWorker(fixture: LivenessFixture): Promise<{ worker: WorkerProcess; id: string }> {
  const worker = await fixture.worker({ graceMs });
  const { id } = await fixture.app.raincheck.start(fixture.app.router.wait, { ms: 120_000 }, { ctx });
  await worker.told("waiting");
  return { worker, id };
}

/** How long a process takes to end; it must end as the signal would have ended it. */
async function endOf(worker: WorkerProcess, beginMs = performance.now()): Promise<number> {
  expect(await worker.ended()).toEqual({ code: null, signal: "SIGTERM" });
  return performance.now() - beginMs;
}

describe("a worker process that gets SIGTERM", () => {
  test("lets finish what finishes within the grace, claims nothing more, and hands the rest back at no cost", async () => {
    await using fixture = await livenessFixture();
    const { app } = fixture;
    const { worker, id } = await busyWorker(fixture);
    const finishing = await app.raincheck.start(app.router.wait, { ms: 1_000 }, { ctx });
    await worker.told("waiting", 2);
    worker.signal("SIGTERM");
    const beginMs = performance.now();
    await worker.until(() => worker.logged("worker-stopping").length > 0);
    const late = await app.raincheck.start(app.router.quick, { ms: 1 }, { ctx });
    expect(await endOf(worker, beginMs)).toBeLessThan(graceMs + 1_000 + slackMs);
    expect(await finishing.result()).toBe(1_000);
    expect(await historyOf(fixture, late.id)).toMatch(leftOrHandedBack);
    expect(await historyOf(fixture, id)).toMatch(handedBack);
    const [row] = await fixture.sql`select failures, crashes, state from ${fixture.sql(fixture.schema)}.call where id = ${id}`;
    expect(row).toEqual({ failures: 0, crashes: 0, state: "queued" });
  });

  test("under load loses nothing and costs nothing", async () => {
    await using fixture = await livenessFixture();
    const { app, sql, schema } = fixture;
    const leaving = await fixture.worker({ graceMs: 100, concurrency: 8 });
    const calls = await Promise.all(Array.from({ length: 100 }, () => app.raincheck.start(app.router.wait, { ms: 200 }, { ctx })));
    await leaving.told("waiting", 20);
    leaving.signal("SIGTERM");
    await leaving.ended();
    await using staying = await fixture.worker({ concurrency: 50 });
    await Promise.all(calls.map((call) => call.result()));
    expect(staying.logged("result-stale")).toEqual([]);
    const [cost] = await sql`
      select sum(failures + crashes)::int as costs, bool_and(state = 'succeeded') as succeeded, count(*)::int as calls,
        (select count(*)::int from ${sql(schema)}.event where type = 'retrying') as back,
        sum(attempt)::int as attempts
      from ${sql(schema)}.call`;
    expect(cost).toMatchObject({ costs: 0, succeeded: true, calls: 100, attempts: 100 + Number(cost?.["back"]) });
    expect(cost?.["back"]).toBeGreaterThan(0);
  });

  test("ends at once at the second", async () => {
    await using fixture = await livenessFixture();
    const { worker, id } = await busyWorker(fixture);
    worker.signal("SIGTERM");
    await worker.until(() => worker.logged("worker-stopping").length > 0);
    worker.signal("SIGTERM");
    expect(await endOf(worker)).toBeLessThan(1_000 + slackMs);
    expect(await historyOf(fixture, id)).toMatch(handedBack);
  });

  test.each(["stopped", "silent"] as const)("ends within the grace and a second while Postgres is away (%s)", async (how) => {
    await using fixture = await livenessFixture();
    const { worker, id } = await busyWorker(fixture);
    if (how === "stopped") await fixture.proxy.stop();
    else fixture.proxy.blackhole = true;
    worker.signal("SIGTERM");
    expect(await endOf(worker)).toBeLessThan(graceMs + 1_000 + slackMs);
    if (how === "stopped") await fixture.proxy.restart();
    fixture.proxy.blackhole = false;
    // Nothing is lost: its lease ends, and another worker has it.
    const other = await fixture.worker();
    await other.told("waiting");
    expect(await historyOf(fixture, id)).toBe("queued started lost started");
  });

  test.each(["stopped", "silent"] as const)("ends at once at the second, also while Postgres is away (%s)", async (how) => {
    await using fixture = await livenessFixture();
    const { worker } = await busyWorker(fixture);
    if (how === "stopped") await fixture.proxy.stop();
    else fixture.proxy.blackhole = true;
    worker.signal("SIGTERM");
    await worker.until(() => worker.logged("worker-stopping").length > 0);
    worker.signal("SIGTERM");
    expect(await endOf(worker)).toBeLessThan(1_000 + slackMs);
    if (how === "stopped") await fixture.proxy.restart();
  });
});
