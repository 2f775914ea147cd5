import { expect, test } from "vitest";
import { historyOf, livenessFixture } from "./liveness-fixture.ts";

const ctx = { user: "ada" };

test("a worker that cannot reach Postgres tells its attempts to stop before their lease ends, and what they return is not kept", async () => {
  await using fixture = await livenessFixture();
  const { app, proxy } = fixture;
  const leaseMs = 4_000;
  const apart = await fixture.worker({ leaseMs });
  const waiting = await app.raincheck.start(app.router.wait, { ms: 120_000 }, { ctx });
  await apart.told("waiting");
  proxy.blackhole = true;
  await apart.told("told to stop");
  // Nobody has taken it yet: its lease has not ended.
  expect(await historyOf(fixture, waiting.id)).toBe("queued started");
  const [lost] = apart.logged("attempt-lost");
  expect(lost?.facts?.["silentMs"]).toBeLessThan(leaseMs);
  await expect.poll(() => historyOf(fixture, waiting.id), { timeout: 15_000, interval: 20 }).toBe("queued started lost");
  proxy.blackhole = false;
  // What it held is no longer its own; it takes the call like any other.
  await apart.told("waiting", 2);
  expect(await historyOf(fixture, waiting.id)).toBe("queued started lost started");
  await apart.until(() => apart.logged("result-stale").length > 0);
});
