import { describe, expectTypeOf, test } from "vitest";
import { type Policy, type PolicyOptions, resolvePolicy } from "./index.ts";

describe("PolicyOptions", () => {
  test("takes nothing, some and all", () => {
    expectTypeOf({}).toExtend<PolicyOptions>();
    const all = {
      queue: "imports",
      timeout: "2 minutes",
      retry: {
        attempts: 5,
        initialDelay: "1 second",
        factor: 2,
        maxDelay: "5 minutes",
        jitter: true,
        when: (error: unknown) => error !== null,
      },
      startBy: "1 hour",
      deadline: "2 hours",
      retention: "7 days",
      priority: 0,
      concurrency: 1,
      mode: "required",
      maxInputBytes: 1,
      maxOutputBytes: 1,
      maxYields: 1,
      maxYieldedBytes: 1,
    } satisfies Required<PolicyOptions>;
    expectTypeOf(resolvePolicy(all)).toEqualTypeOf<Policy>();
    expectTypeOf(resolvePolicy()).toEqualTypeOf<Policy>();
  });

  test("refuses what is misspelt or misplaced", () => {
    // @ts-expect-error durations have a unit
    void ({ timeout: "2" } satisfies PolicyOptions);
    // @ts-expect-error durations are not numbers
    void ({ timeout: 120_000 } satisfies PolicyOptions);
    // @ts-expect-error no such option
    void ({ timeoutMs: 120_000 } satisfies PolicyOptions);
    // @ts-expect-error attempts belong to retry
    void ({ attempts: 3 } satisfies PolicyOptions);
    // @ts-expect-error whether an error is worth a retry is said at once
    void ({ retry: { when: async () => false } } satisfies PolicyOptions);
    // @ts-expect-error nor is a promise an answer now and then
    void ({ retry: { when: (error: unknown) => error === null || Promise.resolve(true) } } satisfies PolicyOptions);
    // @ts-expect-error no limit is said by leaving it out
    void ({ concurrency: null } satisfies PolicyOptions);
    // @ts-expect-error no such mode
    void ({ mode: "always" } satisfies PolicyOptions);
    // @ts-expect-error an option is left out, not set to undefined
    void ({ queue: undefined } satisfies PolicyOptions);
  });
});

describe("Policy", () => {
  test("has every default filled in, in milliseconds", () => {
    expectTypeOf<Policy>().toEqualTypeOf<Required<Policy>>();
    expectTypeOf<Policy["timeoutMs"]>().toEqualTypeOf<number>();
    expectTypeOf<Policy["deadlineMs"]>().toEqualTypeOf<number | null>();
    expectTypeOf<Policy["concurrency"]>().toEqualTypeOf<number | null>();
    expectTypeOf<Policy["retry"]["when"]>().toEqualTypeOf<((error: unknown) => boolean) | null>();
  });
});
