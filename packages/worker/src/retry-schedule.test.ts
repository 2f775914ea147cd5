import * as Effect from "effect/Effect";
import * as Random from "effect/Random";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DelayPolicy, retryDelayMs } from "./retry-schedule.ts";

const policies: fc.Arbitrary<DelayPolicy> = fc.record({
  initialDelayMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_600_000 })),
  factor: fc.double({ min: 1, max: 100, noNaN: true }),
  maxDelayMs: fc.integer({ min: 0, max: 86_400_000 }),
  jitter: fc.boolean(),
});

function fullDelayMs({ initialDelayMs, factor, maxDelayMs }: DelayPolicy, failures: number): number {
  return initialDelayMs === 0 ? 0 : Math.min(maxDelayMs, initialDelayMs * factor ** (failures - 1));
}

describe("the delay of a retry", () => {
  test("is a whole number from 0 to min(maxDelay, initialDelay × factor^(k-1)), for any policy and any number of failures", () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 999 }), fc.string(), (policy, failures, seed) => {
        const delayMs = Effect.runSync(retryDelayMs(policy, failures).pipe(Random.withSeed(seed)));
        const fullMs = fullDelayMs(policy, failures);
        expect(Number.isSafeInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(Math.round(fullMs));
        if (!policy.jitter) expect(delayMs).toBe(Math.round(fullMs));
      }),
      { numRuns: 500 },
    );
  });

  test("without jitter is the exponential, capped", () => {
    const policy = { initialDelayMs: 1_000, factor: 2, maxDelayMs: 10_000, jitter: false };
    const delays = [1, 2, 3, 4, 5, 999].map((failures) => Effect.runSync(retryDelayMs(policy, failures)));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  test("with jitter uses the whole range, evenly", () => {
    const policy = { initialDelayMs: 1_000, factor: 2, maxDelayMs: 4_000, jitter: true };
    const draws = Effect.runSync(Effect.all(Array.from({ length: 4_000 }, () => retryDelayMs(policy, 3))).pipe(Random.withSeed("evenly")));
    const quarters = [0, 0, 0, 0];
    for (const delayMs of draws) quarters[Math.min(3, Math.floor(delayMs / 1_000))]! += 1;
    for (const count of quarters) expect(count).toBeGreaterThan(850);
  });

  test("with jitter spreads calls that failed together", () => {
    const policy = { initialDelayMs: 60_000, factor: 2, maxDelayMs: 300_000, jitter: true };
    const draws = Effect.runSync(Effect.all(Array.from({ length: 100 }, () => retryDelayMs(policy, 1))).pipe(Random.withSeed("apart")));
    expect(new Set(draws).size).toBeGreaterThan(90);
  });
});
