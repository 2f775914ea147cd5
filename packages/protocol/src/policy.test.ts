import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "./limits.ts";
import { type PolicyOptions, queueName, resolvePolicy, wholeNumber } from "./policy.ts";

describe("resolvePolicy", () => {
  test("fills in every default", () => {
    const defaults = {
      queue: "default",
      timeoutMs: 900_000,
      retry: { attempts: 3, initialDelayMs: 1_000, factor: 2, maxDelayMs: 300_000, jitter: true, when: null, maxPerSecond: 100 },
      startByMs: null,
      deadlineMs: null,
      retentionMs: 604_800_000,
      priority: 0,
      concurrency: null,
      mode: "optional",
      maxInputBytes: 1_048_576,
      maxOutputBytes: 16_777_216,
      maxYields: 20_000,
      maxYieldedBytes: 16_777_216,
    };
    expect(resolvePolicy()).toEqual(defaults);
    expect(resolvePolicy({})).toEqual(defaults);
    expect(resolvePolicy({ retry: {} })).toEqual(defaults);
  });

  test("takes what is given", () => {
    const when = (): boolean => true;
    const retry = {
      attempts: 1,
      initialDelay: "0 seconds",
      factor: 1.5,
      maxDelay: "1 hour",
      jitter: false,
      when,
      maxPerSecond: 7,
    } as const;
    const given: Required<PolicyOptions> = {
      queue: "imports.eu_1-b",
      timeout: "2 minutes",
      retry,
      startBy: "1 hour",
      deadline: "1 day",
      retention: "0 days",
      priority: -1000,
      concurrency: 10_000,
      mode: "forbidden",
      maxInputBytes: 1,
      maxOutputBytes: limits.payloadBytes,
      maxYields: limits.yields,
      maxYieldedBytes: limits.payloadBytes,
    };
    expect(resolvePolicy(given)).toEqual({
      queue: "imports.eu_1-b",
      timeoutMs: 120_000,
      retry: { attempts: 1, initialDelayMs: 0, factor: 1.5, maxDelayMs: 3_600_000, jitter: false, when, maxPerSecond: 7 },
      startByMs: 3_600_000,
      deadlineMs: 86_400_000,
      retentionMs: 0,
      priority: -1000,
      concurrency: 10_000,
      mode: "forbidden",
      maxInputBytes: 1,
      maxOutputBytes: limits.payloadBytes,
      maxYields: limits.yields,
      maxYieldedBytes: limits.payloadBytes,
    });
  });

  test.each<[option: string, options: unknown]>([
    ["policy", null],
    ["policy", "2 minutes"],
    ["timeOut", { timeOut: "2 minutes" }],
    ["concurrencyLimit", { concurrencyLimit: 1 }],
    ["__proto__", JSON.parse(`{"__proto__":{"queue":"other"}}`)],
    ["queue", { queue: "" }],
    ["queue", { queue: "a b" }],
    ["queue", { queue: "a".repeat(65) }],
    ["queue", { queue: 7 }],
    ["timeout", { timeout: "0 seconds" }],
    ["timeout", { timeout: 120_000 }],
    ["timeout", { timeout: "soon" }],
    ["retry", { retry: null }],
    ["retry", { retry: 5 }],
    ["retry.tries", { retry: { tries: 5 } }],
    ["retry.attempts", { retry: { attempts: 0 } }],
    ["retry.attempts", { retry: { attempts: 1001 } }],
    ["retry.attempts", { retry: { attempts: 2.5 } }],
    ["retry.attempts", { retry: { attempts: "3" } }],
    ["retry.attempts", { retry: { attempts: Number.NaN } }],
    ["retry.initialDelay", { retry: { initialDelay: 1_000 } }],
    ["retry.factor", { retry: { factor: 0.5 } }],
    ["retry.factor", { retry: { factor: 101 } }],
    ["retry.factor", { retry: { factor: Number.NaN } }],
    ["retry.factor", { retry: { factor: "2" } }],
    ["retry.maxDelay", { retry: { maxDelay: "-1 seconds" } }],
    ["retry.jitter", { retry: { jitter: "yes" } }],
    ["retry.maxPerSecond", { retry: { maxPerSecond: 0 } }],
    ["retry.when", { retry: { when: true } }],
    ["retry.when", { retry: { when: async () => false } }],
    ["retry.maxDelay", { retry: { initialDelay: "1 second", maxDelay: "10 millis" } }],
    ["startBy", { startBy: "2 seconds", deadline: "1 second" }],
    ["startBy", { startBy: "0 minutes" }],
    ["deadline", { deadline: "101 years" }],
    ["retention", { retention: "for ever" }],
    ["priority", { priority: 1001 }],
    ["priority", { priority: 0.1 }],
    ["concurrency", { concurrency: 0 }],
    ["concurrency", { concurrency: 10_001 }],
    ["concurrency", { concurrency: 1.5 }],
    ["concurrency", { concurrency: Infinity }],
    ["concurrency", { concurrency: null }],
    ["mode", { mode: "async" }],
    ["maxInputBytes", { maxInputBytes: 0 }],
    ["maxOutputBytes", { maxOutputBytes: limits.payloadBytes + 1 }],
    ["maxOutputBytes", { maxOutputBytes: Infinity }],
    ["maxYields", { maxYields: 0 }],
    ["maxYields", { maxYields: limits.yields + 1 }],
    ["maxYieldedBytes", { maxYieldedBytes: limits.payloadBytes + 1 }],
  ])("refuses a bad %s: %j", (option, options) => {
    expect(() => resolvePolicy(options as PolicyOptions)).toThrow(expect.objectContaining({ _tag: "InvalidOption", option }));
  });

  test("says which two options contradict each other", () => {
    expect(() => resolvePolicy({ retry: { initialDelay: "1 second", maxDelay: "10 millis" } })).toThrow(
      `Invalid retry.maxDelay: "10 millis"; expected no less than retry.initialDelay, which is "1 second".`,
    );
    expect(() => resolvePolicy({ startBy: "2 seconds", deadline: "1 second" })).toThrow(
      `Invalid startBy: "2 seconds"; expected at most the deadline, which is "1 second".`,
    );
    expect(() => resolvePolicy({ retry: { when: (async () => false) as never } })).toThrow("retry.when: an async function");
  });

  test("takes limits that are equal, and a deadline that cuts an attempt short", () => {
    expect(resolvePolicy({ startBy: "1 second", deadline: "1 second", timeout: "1 hour" })).toMatchObject({ startByMs: 1_000 });
    expect(resolvePolicy({ retry: { initialDelay: "1 second", maxDelay: "1 second" } }).retry).toMatchObject({ maxDelayMs: 1_000 });
  });

  test("fits the default delay to the one that is given", () => {
    expect(resolvePolicy({ retry: { maxDelay: "10 millis" } }).retry).toMatchObject({ initialDelayMs: 10, maxDelayMs: 10 });
    expect(resolvePolicy({ retry: { initialDelay: "1 hour" } }).retry).toMatchObject({ initialDelayMs: 3_600_000, maxDelayMs: 3_600_000 });
  });

  test("says what was wrong, with which value, and what would do", () => {
    expect(() => resolvePolicy({ retry: { attempts: 0 } })).toThrow("Invalid retry.attempts: 0; expected a whole number from 1 to 1000.");
    expect(() => resolvePolicy({ mode: "async" as "optional" })).toThrow(
      `Invalid mode: "async"; expected "optional", "required" or "forbidden".`,
    );
  });
});

describe("queueName", () => {
  test("takes 1 to 64 of its characters, and nothing else", () => {
    const allowed = /^[A-Za-z0-9_.-]{1,64}$/;
    const characters = fc.string({ unit: fc.constantFrom("a", "Z", "0", "9", "_", "-", "."), minLength: 1, maxLength: 64 });
    fc.assert(fc.property(characters, (name) => queueName(name, "queue") === name));
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }).filter((name) => !allowed.test(name)),
        (name) => {
          expect(() => queueName(name, "queues")).toThrow("Invalid queues");
        },
      ),
    );
    expect(() => queueName("a\n", "queue")).toThrow("Invalid queue");
  });
});

describe("wholeNumber", () => {
  test("takes the whole numbers of its range, ends included", () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: -20, max: 20 }), fc.double()), (value) => {
        const isFit = Number.isInteger(value) && value >= -5 && value <= 5;
        const check = (): number => wholeNumber(value, "priority", { min: -5, max: 5 });
        if (isFit) expect(check()).toBe(value);
        else expect(check).toThrow("a whole number from -5 to 5");
      }),
    );
  });
});
