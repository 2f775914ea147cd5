import { describe, expect, test } from "vitest";
import { AttemptAborted, CallCancelled, CallExpired, CallFailed, FinalError, RetryError, hasTag } from "./errors.ts";
import { InvalidOption } from "./invalid-option.ts";

const call = { id: "00010203-0405-4607-8809-0a0b0c0d0eff", path: "flights.report" };
const failure = { code: "NO_SEATS", message: "The flight is full.", data: { seats: 0 } };

describe("hasTag", () => {
  test("knows an error of another copy of the package", () => {
    expect(hasTag({ _tag: "FinalError" }, "FinalError")).toBe(true);
    expect(hasTag(new FinalError("no"), "FinalError")).toBe(true);
  });

  test.each([
    ["another tag", new FinalError("no")],
    ["a tag in other letters", { _tag: "retryerror" }],
    ["a tag that only reads alike", { _tag: { toString: (): string => "RetryError" } }],
    ["no tag", new Error("RetryError")],
    ["a function that has one", Object.assign(() => {}, { _tag: "RetryError" })],
    ["text", "RetryError"],
    ["null", null],
    ["undefined", undefined],
    ["a symbol", Symbol("RetryError")],
  ])("refuses %s", (_, value) => {
    expect(hasTag(new RetryError(), "RetryError")).toBe(true);
    expect(hasTag(value, "RetryError")).toBe(false);
  });

  test("refuses what throws when it is looked at", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const hostile = {
      get _tag(): string {
        throw new Error("do not look");
      },
    };
    expect(hasTag(proxy, "RetryError")).toBe(false);
    expect(hasTag(hostile, "RetryError")).toBe(false);
  });
});

describe("every error", () => {
  test.each([
    [new InvalidOption("timeout", 5, "a duration"), "InvalidOption", "INVALID_OPTION"],
    [new FinalError("no"), "FinalError", "FAILED"],
    [new RetryError(), "RetryError", "RETRY"],
    [new CallFailed(call, failure), "CallFailed", "NO_SEATS"],
    [new CallCancelled(call, null), "CallCancelled", "CANCELLED"],
    [new CallExpired(call, { code: "START_BY_PASSED", message: "Late." }), "CallExpired", "START_BY_PASSED"],
  ])("%s has its tag, its name and its code", (error, tag, code) => {
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ _tag: tag, name: tag, code });
    expect(error.stack).toContain("errors.test.ts");
  });
});

describe("the errors of a resolver", () => {
  test("FinalError carries code, data and cause", () => {
    const cause = new Error("underneath");
    expect(new FinalError("no", { code: "NO_SEATS", data: { left: 0 }, cause })).toMatchObject({
      code: "NO_SEATS",
      data: { left: 0 },
      cause,
    });
    expect(new FinalError("no").data).toBeUndefined();
  });

  test("RetryError says when, or leaves it to the policy", () => {
    expect(new RetryError({ after: "5 seconds", message: "busy", code: "BUSY" })).toMatchObject({
      after: "5 seconds",
      message: "busy",
      code: "BUSY",
    });
    expect(new RetryError()).toMatchObject({ after: undefined, message: "The attempt asked to be retried." });
  });

  test("RetryError refuses a wait that it cannot read, where it is thrown", () => {
    expect(() => new RetryError({ after: "-5 seconds" })).toThrow(/^Invalid after: "-5 seconds"; .*the number must not be negative\.$/);
    expect(() => new RetryError({ after: 100 as never })).toThrow(/^Invalid after: 100; .*this number has no unit\.$/);
    expect(() => new RetryError({ after: null as never })).toThrow("Invalid after: null");
  });

  test("RetryError takes any wait, however long", () => {
    expect(new RetryError({ after: "20000 weeks" }).after).toBe("20000 weeks");
  });

  test.each(["timed-out", "cancelled", "expired", "lost", "shutdown"] as const)("AttemptAborted says %s", (reason) => {
    expect(new AttemptAborted(reason)).toMatchObject({ _tag: "AttemptAborted", reason, message: `The attempt must stop: ${reason}.` });
  });
});

describe("the errors of a result", () => {
  test("CallFailed carries the failure and names its call", () => {
    expect(new CallFailed(call, failure)).toMatchObject({ message: failure.message, failure, call });
  });

  test("CallCancelled says what the canceller said", () => {
    expect(new CallCancelled(call, "no longer needed").message).toBe("The call of flights.report was cancelled: no longer needed");
    expect(new CallCancelled(call, null)).toMatchObject({ message: "The call of flights.report was cancelled.", reason: null, call });
  });

  test("CallExpired carries the failure", () => {
    const expired = { code: "DEADLINE_PASSED", message: "Too late." };
    expect(new CallExpired(call, expired)).toMatchObject({ code: "DEADLINE_PASSED", message: "Too late.", failure: expired, call });
  });
});
