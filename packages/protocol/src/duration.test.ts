import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Duration, toCappedMs, toMs } from "./duration.ts";

const units = { milli: 1, second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const;
const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]));
const hundredYearsMs = 100 * 365 * units.day;

describe("toMs", () => {
  test.each([
    ["5 minutes", 300_000],
    ["1 hour", 3_600_000],
    ["1 hours", 3_600_000],
    ["250 millis", 250],
    ["1.5 seconds", 1_500],
    ["0.0015 seconds", 2],
    ["0 seconds", 0],
    ["007 days", 604_800_000],
    [`${1 / 3} seconds`, 333],
    ["1e-7 hours", 0],
    ["1e+2 millis", 100],
    ["1e3 seconds", 1_000_000],
    ["1E-1 seconds", 100],
    [".5 seconds", 500],
    ["0.00000000000000000000000000001 weeks", 0],
    ["5200 weeks", 3_144_960_000_000],
    ["36500 days", hundredYearsMs],
  ] as const)("%s", (duration, ms) => {
    expect(toMs(duration, "timeout")).toBe(ms);
  });

  test("is the number times the unit", () => {
    fc.assert(
      fc.property(fc.nat(), unit, fc.constantFrom("", "s"), (count, word, plural) => {
        const ms = count * units[word];
        const convert = (): number => toMs(`${count} ${word}${plural}` as Duration, "timeout");
        if (ms <= hundredYearsMs) expect(convert()).toBe(ms);
        else expect(convert).toThrow("at most a hundred years");
      }),
    );
  });

  test("rounds any fraction to a whole number", () => {
    fc.assert(
      fc.property(fc.nat({ max: 5_199 }), fc.nat({ max: 999_999 }), unit, (whole, fraction, word) => {
        const number = `${whole}.${String(fraction).padStart(6, "0")}`;
        const ms = toMs(`${number} ${word}s` as Duration, "timeout");
        expect(Number.isSafeInteger(ms)).toBe(true);
        expect(Math.abs(ms - Number(number) * units[word])).toBeLessThanOrEqual(0.5);
      }),
    );
  });

  test.each([
    ["no unit", "5"],
    ["no number", "minutes"],
    ["no space", "5minutes"],
    ["two spaces", "5  minutes"],
    ["a space before", " 5 minutes"],
    ["a line behind", "5 minutes\n"],
    ["an unknown unit", "5 fortnights"],
    ["a unit in capitals", "5 Minutes"],
    ["a unit of the prototype", "5 constructors"],
    ["less than nothing", "-5 minutes"],
    ["hexadecimal digits", "0x10 seconds"],
    ["an exponent without digits", "1e seconds"],
    ["infinity", "Infinity days"],
    ["not a number", "NaN seconds"],
    ["digits of another script", "٥ minutes"],
    ["a comma", "1,5 hours"],
    ["a dot without digits", "1. hours"],
    ["nothing", ""],
    ["a number", 300_000],
    ["null", null],
    ["an array of one", ["5 minutes"]],
    ["a boxed string", Object("5 minutes")],
  ])("refuses %s, and names the option", (_, value) => {
    expect(() => toMs(value as Duration, "retry.initialDelay")).toThrow(
      expect.objectContaining({
        _tag: "InvalidOption",
        option: "retry.initialDelay",
        message: expect.stringContaining(`such as "5 minutes"`),
      }),
    );
  });

  test.each([
    [5_000, "this number has no unit"],
    ["5000", "the unit is missing"],
    ["-5 seconds", "the number must not be negative"],
    ["NaN seconds", "NaN is not a number"],
    ["Infinity seconds", "the number must be finite"],
    ["200 years", "the units are millis, seconds, minutes, hours, days, weeks"],
    ["0x10 seconds", "the number must be written as digits, such as 5, 1.5 or 1e3"],
  ])("says what is wrong with %j", (value, wrong) => {
    const form = `a number, a space and a unit, such as "5 minutes" or "250 millis"`;
    expect(() => toMs(value as Duration, "timeout")).toThrow(`Invalid timeout: ${JSON.stringify(value)}; expected ${form}; ${wrong}.`);
  });

  test("refuses more than a hundred years", () => {
    expect(() => toMs("36501 days", "deadline")).toThrow(`Invalid deadline: "36501 days"; expected at most a hundred years.`);
    expect(() => toMs("999999999999999 weeks", "deadline")).toThrow("at most a hundred years");
    expect(() => toMs("1e999 millis" as Duration, "deadline")).toThrow("at most a hundred years");
  });

  test("takes no time over a long text", () => {
    const beganMs = performance.now();
    for (const long of [`${"1".repeat(200_000)} minutes`, `${"1".repeat(200_000)}.${"1".repeat(200_000)}e${"1".repeat(200_000)}`])
      expect(() => toMs(long as Duration, "timeout")).toThrow(/^Invalid timeout: "1{100}…"/);
    expect(performance.now() - beganMs).toBeLessThan(100);
  });
});

test("toCappedMs takes what is longer than a hundred years for a hundred", () => {
  expect(toCappedMs("1.5 seconds", "after")).toBe(1_500);
  expect(toCappedMs("36500 days", "after")).toBe(hundredYearsMs);
  expect(toCappedMs("36501 days", "after")).toBe(hundredYearsMs);
  expect(toCappedMs("1e999 millis" as Duration, "after")).toBe(hundredYearsMs);
  expect(() => toCappedMs("Infinity days" as Duration, "after")).toThrow("the number must be finite");
});
