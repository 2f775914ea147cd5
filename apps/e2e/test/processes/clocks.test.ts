/**
 * Wall clocks that are an hour off, in every process but Postgres: time limits, deadlines, delays, retries, leases and retention go by the
 * server's clock and by monotonic ones, so nothing notices.
 */
import { expect, test } from "vitest";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";
import { makeApplication } from "./application.ts";
import { spawn } from "./spawn.ts";

const hourMs = 3_600_000;

test.each([
  ["ahead", "behind", hourMs],
  ["behind", "ahead", -hourMs],
])("an API whose clock is an hour %s and a worker whose clock is an hour %s change nothing", async (_api, _worker, skewMs) => {
  await using opening = new AsyncDisposableStack();
  const { url, name: schema } = opening.use(await testSchema());
  const place = { url, schema };
  const { engine } = makeApplication("new", place);
  opening.defer(() => engine.stop());
  await engine.start();
  const api = opening.use(await spawn({ role: "starter", release: "new", place, skewMs }));
  // Far from each other, and not by accident: the skew is real.
  expect(Math.abs(api.now - Date.now() - skewMs)).toBeLessThan(60_000);

  const expired = await api.start({ path: "report", input: 1, options: { deadline: "1 second" } });
  const late = await api.start({ path: "report", input: 1, options: { startBy: "1 second" } });
  for (const [id, code] of [
    [expired, "DEADLINE_PASSED"],
    [late, "START_BY_PASSED"],
  ] as const) {
    const record = await until(id, "expired");
    expect(record.failure?.code).toBe(code);
    expectBetween(sinceMs(record.createdAt, record.endedAt), 1_000, 4_000);
  }

  opening.use(await spawn({ role: "worker", release: "new", place, skewMs: -skewMs, worker: { lease: "1 second" } }));
  const inTime = await api.start({ path: "report", input: 2, options: { deadline: "30 minutes", startBy: "30 minutes" } });
  const delayed = await api.start({ path: "report", input: 3, options: { delay: "1 second" } });
  const slow = await api.start({ path: "slow", input: 2_500, options: { deadline: "30 minutes" } });
  const hung = await api.start({ path: "hung" });
  const flaky = await api.start({ path: "flaky" });

  await until(inTime, "succeeded");
  const afterDelay = await until(delayed, "succeeded");
  expectBetween(sinceMs(afterDelay.createdAt, afterDelay.startedAt), 1_000, 4_000);

  const { failure, startedAt, endedAt } = await until(hung, "failed");
  expect(failure?.code).toBe("TIMED_OUT");
  expectBetween(sinceMs(startedAt, endedAt), 400, 4_000);

  const retried = await until(flaky, "succeeded");
  expectBetween(sinceMs(retried.startedAt, retried.endedAt), 300, 4_000);

  // Longer than its lease, and told its deadline in the words of its own clock.
  const { output } = await until(slow, "succeeded");
  expect(output).toContain(`"attempt":1`);
  expectBetween(Number(/"deadlineInMs":(-?\d+)/.exec(output!)?.[1]), hourMs / 2 - 30_000, hourMs / 2);

  // Each is kept after its end.
  for (const id of [expired, late, inTime, delayed, slow, hung, flaky]) expect(await engine.read(id, { principal: null })).not.toBeNull();

  async function until(id: string, state: string) {
    for (;;) {
      const woken = Promise.withResolvers<void>();
      const unsubscribe = engine.subscribe(id, () => woken.resolve());
      const record = await engine.read(id, { principal: null });
      if (record?.state === state) {
        unsubscribe();
        return record;
      }
      await woken.promise;
      unsubscribe();
    }
  }
});

function sinceMs(from: string | null, to: string | null): number {
  return Date.parse(to!) - Date.parse(from!);
}

function expectBetween(value: number, least: number, most: number): void {
  expect(value).toBeGreaterThanOrEqual(least);
  expect(value).toBeLessThanOrEqual(most);
}
