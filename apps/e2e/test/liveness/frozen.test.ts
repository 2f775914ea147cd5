import { describe, expect, test } from "vitest";
import { historyOf, livenessFixture } from "./liveness-fixture.ts";

const ctx = { user: "ada" };

describe("a process that is stopped inside the transaction that ends its attempt, with the call's row locked", () => {
  test.each(["commit", "fail"] as const)(
    "keeps no other call from being taken back, and holds its own for a moment only (%s)",
    async (how) => {
      await using fixture = await livenessFixture();
      const { app, sql, schema } = fixture;
      const leaseMs = 1_000;
      const frozen = await fixture.worker({ leaseMs, queues: ["ending"], concurrency: 1, freezeBefore: "commit\0" });
      const dying = await fixture.worker({ leaseMs });
      const waiting = await app.raincheck.start(app.router.wait, { ms: 120_000 }, { ctx });
      await dying.told("waiting");
      const ending = await app.raincheck.start(app.router[how], { ms: 7 }, { ctx });
      await frozen.told("ending");
      const isLocked = async () => {
        const found = await sql`select from ${sql(schema)}.call where id = ${ending.id} for update skip locked`;
        return found.length === 0;
      };
      await expect.poll(isLocked, { timeout: 15_000, interval: 20 }).toBe(true);
      const lockedMs = performance.now();
      dying.signal("SIGKILL");
      const patience = { timeout: 15_000, interval: 20 };
      const tookMs = () => performance.now() - lockedMs;
      const takenBack = async () => {
        await expect.poll(() => historyOf(fixture, waiting.id), patience).toBe("queued started lost");
        return tookMs();
      };
      const unlocked = async () => {
        await expect.poll(isLocked, patience).toBe(false);
        return tookMs();
      };
      const [takenBackMs, unlockedMs] = await Promise.all([takenBack(), unlocked()]);
      // Its lease, a pass of the keeper, and what a busy machine needs.
      expect(takenBackMs).toBeLessThan(leaseMs + 2_000);
      expect(unlockedMs).toBeLessThan(4_000);
      await fixture.worker({ leaseMs, queues: ["ending"] }).then((other) => other.told("ending"));
      expect(await historyOf(fixture, ending.id)).toMatch(/^queued started lost started/);
    },
  );
});
