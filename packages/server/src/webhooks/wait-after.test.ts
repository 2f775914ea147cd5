import { describe, expect, test } from "vitest";

import { resolveEndpoints } from "./endpoint.ts";
import { secretOf } from "../../test/support/endpoint.ts";
import { waitAfter } from "./wait-after.ts";

const { policy } = resolveEndpoints({ a: { url: "https://example.com/", secrets: [secretOf(1)] } }).get("a")!;
const exact = { ...policy.retry, jitter: false };
const msOf = (duration: string): number => Number(duration.split(" ")[0]);

describe("a message that was not taken", () => {
  test.each([
    [null, 5_000],
    ["0", 5_000],
    ["1", 5_000],
    ["120", 120_000],
    ["999999", 86_400_000],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 5_000],
    ["Fri, 31 Dec 2100 23:59:59 GMT", 86_400_000],
    ["-5", 5_000],
    ["5.5", 5_000],
    ["soon 3", 5_000],
    ["Mon, 99 Foo 2026 00:00:00 GMT", 5_000],
  ])("waits, after Retry-After: %s, for %i ms: never less than the policy says", (retryAfter, ms) => {
    expect(msOf(waitAfter(exact, { failures: 1, retryAfter }))).toBe(ms);
  });

  test("is tried by default for 30 hours at least, and 38 at most", () => {
    const hours = (retry: typeof exact): number => {
      const waits = Array.from({ length: retry.attempts - 1 }, (_, index) =>
        msOf(waitAfter(retry, { failures: index + 1, retryAfter: "0" })),
      );
      return waits.reduce((sum, wait) => sum + wait, 0) / 3_600_000;
    };
    for (let round = 0; round < 1_000; round++) {
      expect(hours(policy.retry)).toBeGreaterThan(30);
      expect(hours(policy.retry)).toBeLessThan(38);
    }
  });
});
