/** Retries on Postgres: on time without polling for them, and no storm when what a procedure needs is gone. */
import type { CallEvent } from "@raincheck/protocol";
import { runWorker } from "@raincheck/worker";
import { expect, test } from "vitest";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";
import { makeApplication } from "./application.ts";

/** A worker in this process, with what the ledger noted of its calls. */
async function running(concurrency: number) {
  await using opening = new AsyncDisposableStack();
  const { url, name: schema } = opening.use(await testSchema());
  const app = makeApplication("new", { url, schema });
  opening.defer(() => app.engine.stop());
  const worker = opening.adopt(await runWorker({ raincheck: app.raincheck, concurrency, signals: false, log: () => {} }), (one) =>
    one.stop(),
  );
  const opened = opening.move();
  return { ...app, worker, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1]!;
}

test("200 retries after 300 ms begin on time: the process that scheduled them wakes for them", async () => {
  await using app = await running(50);
  const handles = [];
  // One after the other: how late a retry is must not be how long its turn takes.
  for (let call = 0; call < 200; call += 1) handles.push(await app.raincheck.start(app.router.flaky, undefined, { ctx: {} }));
  const lateMs: number[] = [];
  for (const handle of handles) {
    await handle.result();
    const events: CallEvent[] = [];
    for await (const event of handle.events()) events.push(event);
    const [retrying] = events.filter((event) => event.type === "retrying");
    const [, second] = events.filter((event) => event.type === "started");
    lateMs.push(Date.parse(second!.at) - Date.parse(retrying!.at) - retrying!.delayMs);
  }
  expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(0);
  // The poll of a second alone would be half a second late; on a machine that has nothing else to do it is some ten milliseconds.
  expect(percentile(lateMs, 0.5)).toBeLessThan(100);
});

test("a thousand calls whose downstream is dead begin no more attempts than their policy says, and delay no others", async () => {
  await using app = await running(16);
  const measure = async (): Promise<number[]> => {
    const tookMs: number[] = [];
    for (let call = 0; call < 100; call += 1) {
      const handle = await app.raincheck.start(app.router.report, call, { ctx: {} });
      await handle.result();
      const { createdAt, endedAt } = await handle.get();
      tookMs.push(Date.parse(endedAt!) - Date.parse(createdAt));
    }
    return tookMs;
  };
  const before = await measure();
  const dead = await Promise.all(Array.from({ length: 1_000 }, () => app.raincheck.start(app.router.dead, undefined, { ctx: {} })));
  const during = await measure();
  const startedAtMs: number[] = [];
  for (const handle of dead) {
    const page = await app.engine.events(handle.id, 0, { principal: null });
    for (const event of page!.events) if (event.type === "started") startedAtMs.push(Date.parse(event.at));
  }
  const firstMs = Math.min(...startedAtMs);
  const perSecond = new Map<number, number>();
  for (const ms of startedAtMs)
    perSecond.set(Math.floor((ms - firstMs) / 1_000), (perSecond.get(Math.floor((ms - firstMs) / 1_000)) ?? 0) + 1);
  // In the first second also those that showed that it fails, and those that ran beside them.
  expect(perSecond.get(0)).toBeLessThanOrEqual(20 + 20 + 16);
  for (const [second, attempts] of perSecond) if (second > 0) expect(attempts).toBeLessThanOrEqual(22);
  expect(percentile(during, 0.5)).toBeLessThan(2 * percentile(before, 0.99) + 200);
});
