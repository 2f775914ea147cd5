import { expect, test } from "vitest";
import { livenessFixture } from "./liveness-fixture.ts";

test("a stream whose worker is killed in the middle is told anew, with the number of the attempt on each value", async () => {
  await using fixture = await livenessFixture();
  const { app } = fixture;
  const count = 750;
  await using worker = await fixture.worker({ leaseMs: 2_000 });
  const call = await app.raincheck.start(app.router.tell, { count }, { ctx: { user: "ada" } });
  const told: string[] = [];
  const byAttempt = new Map<number, string[]>();
  for await (const event of call.events()) {
    if (event.type !== "yielded") {
      told.push(event.type === "retrying" ? event.reason : event.type);
      continue;
    }
    byAttempt.set(event.attempt, [...(byAttempt.get(event.attempt) ?? []), event.value]);
    if (event.attempt > 1 || byAttempt.get(1)!.length !== 100) continue;
    worker.signal("SIGKILL");
    await fixture.worker();
  }
  const expected = Array.from({ length: count }, (_, token) => `token-${token} `);
  const cut = byAttempt.get(1)!;
  expect(cut.length).toBeGreaterThanOrEqual(100);
  expect(cut.length).toBeLessThan(count);
  expect(cut).toEqual(expected.slice(0, cut.length));
  expect(byAttempt.get(2)).toEqual(expected);
  expect(told).toEqual(["queued", "started", "lost", "started", "succeeded"]);
  expect(await call.result()).toEqual({ tokens: count });
});
