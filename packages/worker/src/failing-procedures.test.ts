import type { ClaimRequest, Engine } from "@raincheck/engine";
import { FinalError } from "@raincheck/protocol";
import { describe, expect, test } from "vitest";
import { settled } from "../test/virtual-time.ts";
import { type WorkerUnderTest, workerUnderTest } from "../test/worker-under-test.ts";

describe("a procedure that fails", () => {
  /** When each attempt of the broken procedure began. */
  async function storm(maxPerSecond: number, calls: number) {
    const beganMs: number[] = [];
    const down = { is: true };
    const health = { count: 0 };
    const claims = { count: 0 };
    let under: WorkerUnderTest | null = null;
    const broken = {
      policy: { retry: { attempts: 1_000, initialDelay: "1 millis", maxDelay: "1 millis", maxPerSecond } },
      run: () => {
        beganMs.push(under!.time.nowMs);
        if (down.is) throw new Error("downstream is dead");
      },
    } as const;
    const healthy = { run: () => void (health.count += 1) };
    const wrap = (engine: Engine): Engine => ({
      ...engine,
      claim: (request: ClaimRequest) => ((claims.count += 1), engine.claim(request)),
    });
    under = await workerUnderTest({ procedures: { broken, healthy }, wrap });
    const ids: string[] = [];
    for (let call = 0; call < calls; call += 1) ids.push(await under.call("broken"));
    return { under, ids, beganMs, down, health, claims };
  }

  test("begins no more attempts a second than its policy says, and no fewer", async () => {
    const { under, beganMs, claims } = await storm(20, 200);
    await using _ = under;
    await under.time.advance(1_000);
    const before = beganMs.length;
    const claimsBefore = claims.count;
    await under.time.advance(10_000);
    expect(beganMs.length - before).toBeLessThanOrEqual(200);
    expect(beganMs.length - before).toBeGreaterThan(180);
    // At the most so many begin before it counts as failing, and while that is noticed.
    expect(before).toBeLessThanOrEqual(20 + 16 + 20);
    // One when it is back in the queue, one for its place: no more than that.
    expect(claims.count - claimsBefore).toBeLessThan(2.2 * (beganMs.length - before));
  });

  test("holds up no other procedure", async () => {
    const { under, health } = await storm(5, 1_000);
    await using _ = under;
    await under.time.advance(2_000);
    for (let call = 1; call <= 20; call += 1) {
      await under.call("healthy");
      await settled();
      expect(health.count).toBe(call);
    }
  });

  test("spends no attempt on what it holds back, and goes on at full speed once one has succeeded", async () => {
    const { under, ids, beganMs, down } = await storm(5, 300);
    await using _ = under;
    await under.time.advance(2_000);
    const attempts = await Promise.all(ids.map(async (id) => (await under.when(id, () => true)).attempt));
    expect(attempts.reduce((sum, attempt) => sum + attempt, 0)).toBe(beganMs.length);
    down.is = false;
    await under.time.advance(1_000);
    for (const id of ids) expect((await under.whenEnded(id)).state).toBe("succeeded");
  });

  test("is not one that fails now and then", async () => {
    let runs = 0;
    const flaky = {
      policy: { retry: { attempts: 5, initialDelay: "1 millis", maxDelay: "1 millis", maxPerSecond: 3 } },
      run: () => {
        runs += 1;
        if (runs % 3 !== 0) throw new Error("now and then");
      },
    } as const;
    await using under = await workerUnderTest({ concurrency: 1, procedures: { flaky } });
    await Promise.all(Array.from({ length: 100 }, () => under.call("flaky")));
    await under.time.advance(100);
    expect(runs).toBeGreaterThan(200);
  });

  test("is not one whose errors are final: they are its answers", async () => {
    const strict = { policy: { retry: { maxPerSecond: 1 } }, run: () => Promise.reject(new FinalError("no")) } as const;
    await using under = await workerUnderTest({ concurrency: 1, procedures: { strict } });
    const ids = await Promise.all(Array.from({ length: 50 }, () => under.call("strict")));
    for (const id of ids) expect((await under.whenEnded(id)).state).toBe("failed");
  });

  test("is one whose attempts take too long", async () => {
    const hung = { policy: { timeout: "10 millis", retry: { attempts: 1, maxPerSecond: 2 } }, run: () => new Promise(() => {}) } as const;
    await using under = await workerUnderTest({ concurrency: 1, procedures: { hung } });
    const ids = await Promise.all(Array.from({ length: 10 }, () => under.call("hung")));
    await under.time.advance(1_000);
    const states = await Promise.all(ids.map(async (id) => (await under.when(id, () => true)).state));
    const failed = states.filter((state) => state === "failed").length;
    expect(failed).toBeGreaterThanOrEqual(3);
    expect(failed).toBeLessThanOrEqual(5);
  });
});
