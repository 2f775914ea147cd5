import { describe, expect, test } from "vitest";
import { InvalidOption, refuseUnknownOptions } from "./invalid-option.ts";

describe("InvalidOption", () => {
  test.each([
    ["text", `"soon"`, "soon"],
    ["long text", `"${"x".repeat(100)}…"`, "x".repeat(1_000)],
    ["text with control characters", `"a\\nb"`, "a\nb"],
    ["an array", "an array", [1]],
    ["an object", "an object", { secret: "canary" }],
    ["an object without a prototype", "an object", Object.create(null)],
    ["a function", "a function", () => "canary"],
    ["a symbol", "Symbol(s)", Symbol("s")],
    ["a bigint", "1", 1n],
    ["null", "null", null],
    ["undefined", "undefined", undefined],
  ])("shows %s", (_, shown, value) => {
    expect(new InvalidOption("retry.when", value, "a function").message).toBe(`Invalid retry.when: ${shown}; expected a function.`);
  });

  test("takes a whole sentence", () => {
    expect(new InvalidOption("ctx", "No context was given.")).toMatchObject({ option: "ctx", message: "No context was given." });
  });
});

describe("refuseUnknownOptions", () => {
  const known = ["raincheck", "concurrency", "lease", "delay", "signals"];
  const refusal = (options: object, prefix?: string): unknown => {
    try {
      refuseUnknownOptions(options, known, prefix);
      return null;
    } catch (error) {
      return error;
    }
  };

  test("says that the option is unknown, and which are known", () => {
    expect(refusal({ lease: 1, retries: 3 })).toMatchObject({
      _tag: "InvalidOption",
      option: "retries",
      message: "Unknown option retries. Known are: raincheck, concurrency, lease, delay, signals.",
    });
    expect(refusal({ lease: 1 })).toBeNull();
    expect(refusal({})).toBeNull();
  });

  test.each([
    ["leese", "lease"],
    ["concurency", "concurrency"],
    ["delays", "delay"],
    ["dealy", "delay"],
    ["Signals", "signals"],
    ["rainCheck", "raincheck"],
  ])("suggests for %s what is near: %s", (given, meant) => {
    expect(refusal({ [given]: 1 }, "options.")).toMatchObject({
      option: `options.${given}`,
      message: `Unknown option options.${given}. Did you mean options.${meant}? Known are: ${known.join(", ")}.`,
    });
  });

  test.each(["", "x", "release", "timeout", "leash-off", "__proto__"])("suggests nothing for %j", (given) => {
    expect(refusal(JSON.parse(`{${JSON.stringify(given)}:1}`))).toMatchObject({
      message: expect.not.stringContaining("Did you mean") as string,
    });
  });

  test("cuts what a stranger sent", () => {
    expect((refusal({ ["x".repeat(10_000)]: 1 }) as Error).message.length).toBeLessThan(300);
  });
});
