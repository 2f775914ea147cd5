import { FinalError, InvalidOption, RetryError, limits } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { runNext } from "../test/support/attempt-driver.ts";
import { annAsync, t, testRaincheck } from "../test/support/harness.ts";
import { describeError } from "./describe-error.ts";
import type { DescribedError } from "./runtime.ts";

const describeIt = (error: unknown, ...engineErrors: object[]): DescribedError =>
  describeError(error, { newErrorId: () => "an-id", engineErrors: new WeakSet(engineErrors) });

/** What a resolver's throw is described as, after it went through tRPC and back. */
async function afterThrowing(thrown: unknown): Promise<DescribedError & { readonly stored: unknown }> {
  const { raincheck, runtime } = testRaincheck();
  const router = raincheck.bind(
    t.router({
      a: raincheck.deferrable(t.procedure).mutation(async () => {
        throw thrown;
      }),
    }),
  );
  await router.createCaller(annAsync).a();
  const { error, call } = await runNext(runtime);
  const record = await runtime.engine.read(call.id, { principal: "ann" });
  return { ...runtime.describe(error), stored: record?.failure };
}

describe("errors that the resolver declares", () => {
  test("a FinalError ends the call and speaks to the caller", async () => {
    const thrown = new FinalError("No such airport.", { code: "NO_AIRPORT", data: { iata: "XXX" }, cause: new Error("secret") });
    expect(await afterThrowing(thrown)).toMatchObject({
      failure: { code: "NO_AIRPORT", message: "No such airport.", data: { iata: "XXX" } },
      final: true,
      retryAfterMs: null,
      hidden: false,
      thrown,
      stored: { code: "NO_AIRPORT", message: "No such airport.", data: { iata: "XXX" } },
    });
  });

  test("a RetryError says when", async () => {
    expect(await afterThrowing(new RetryError({ after: "5 seconds" }))).toMatchObject({
      final: false,
      retryAfterMs: 5_000,
      hidden: false,
      failure: { code: "RETRY" },
    });
    expect(await afterThrowing(new RetryError())).toMatchObject({ final: false, retryAfterMs: null });
    const never = await afterThrowing(new RetryError({ after: "20000 weeks" }));
    expect(never).toMatchObject({ final: false, retryAfterMs: 100 * 365 * 86_400_000 });
    expect(never).not.toHaveProperty("unreadableAfter");
  });

  test("a RetryError of another copy of the package, whose wait cannot be read, leaves it to the policy and says why", async () => {
    for (const after of ["-5 seconds", 100, "200 years"]) {
      const thrown = Object.assign(new Error("busy"), { _tag: "RetryError", code: "BUSY", after });
      expect(describeIt(thrown)).toMatchObject({
        final: false,
        retryAfterMs: null,
        failure: { code: "BUSY" },
        unreadableAfter: { _tag: "InvalidOption", option: "after", message: expect.stringContaining(JSON.stringify(after)) as string },
      });
    }
  });

  test("a client error of tRPC ends the call, and so does input that is not valid", async () => {
    expect(await afterThrowing(new TRPCError({ code: "FORBIDDEN", message: "Not yours." }))).toMatchObject({
      final: true,
      failure: { code: "FORBIDDEN", message: "Not yours." },
    });
    const invalid = new TRPCError({ code: "BAD_REQUEST", cause: z.number().safeParse("a").error });
    expect(describeIt(invalid)).toMatchObject({
      final: true,
      hidden: false,
      failure: { code: "BAD_REQUEST", message: expect.stringContaining("expected number") as string },
    });
  });

  test("a server error of tRPC keeps its code and hides the rest", async () => {
    const thrown = new TRPCError({ code: "BAD_GATEWAY", message: "10.0.0.7 refused" });
    const described = await afterThrowing(thrown);
    expect(described).toMatchObject({
      final: false,
      hidden: true,
      thrown,
      failure: { code: "BAD_GATEWAY", errorId: expect.any(String) as string },
    });
    expect(JSON.stringify(described.failure)).not.toContain("10.0.0.7");
  });
});

describe("anything else is hidden behind an id", () => {
  class Hostile extends Error {
    override get message(): string {
      throw new Error("no message for you");
    }
    override get name(): string {
      throw new Error("no name for you");
    }
    toJSON(): never {
      throw new Error("no JSON for you");
    }
  }
  const cyclic = new Error("cyclic");
  cyclic.cause = cyclic;
  const withSecret = Object.assign(new Error("connect ECONNREFUSED 10.0.0.7"), { config: { headers: { Authorization: "Bearer canary" } } });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();

  test.each<[string, unknown]>([
    ["null", null],
    ["undefined", undefined],
    ["a string", "boom"],
    ["a number", 7],
    ["NaN", Number.NaN],
    ["a BigInt", 7n],
    ["a symbol", Symbol("s")],
    ["a function", () => 1],
    ["a plain object", { message: "boom", stack: "canary" }],
    ["an array", [1]],
    ["a frozen object", Object.freeze({ a: 1 })],
    ["a frozen error", Object.freeze(new Error("frozen"))],
    ["an object without a prototype", Object.create(null)],
    ["an error with a secret", withSecret],
    ["an error whose getters throw", new Hostile()],
    ["an error that is its own cause", cyclic],
    ["a message of 50 MB", new Error("x".repeat(50 * 1_048_576))],
    ["U+0000 in the message", new Error("a\0b")],
    ["half a surrogate pair in the message", new Error("\ud800")],
    ["a revoked proxy", revoked.proxy],
    [
      "a proxy that throws at every look",
      new Proxy(
        {},
        {
          get: () => {
            throw new Error("no");
          },
          getPrototypeOf: () => {
            throw new Error("no");
          },
          has: () => {
            throw new Error("no");
          },
        },
      ),
    ],
    ["a promise", Promise.resolve(1)],
  ])("%s", async (_, thrown) => {
    const described = await afterThrowing(thrown);
    expect(Object.is(described.thrown, thrown)).toBe(true);
    expect(described).toMatchObject({ final: false, retryAfterMs: null, hidden: true });
    expect(described.failure).toEqual({
      code: "INTERNAL_SERVER_ERROR",
      message: "The procedure failed unexpectedly. The error itself is in the worker's log, under this failure's errorId.",
      errorId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    expect((described.stored as { message: string }).message).toBe(described.failure.message);
  });

  test("describe() itself takes anything, wrapped or not", () => {
    const hostile = new Proxy(new TRPCError({ code: "FORBIDDEN" }), {
      get: () => {
        throw new Error("no");
      },
      has: () => {
        throw new Error("no");
      },
    });
    for (const error of [null, undefined, hostile, revoked.proxy, new InvalidOption("a", 1, "b")]) {
      expect(describeIt(error)).toMatchObject({ hidden: true, failure: { code: "INTERNAL_SERVER_ERROR", errorId: "an-id" } });
    }
  });
});

describe("declared text and data are cut and cleaned", () => {
  test("a message of 50 MB", () => {
    const { message } = describeIt(new FinalError("é".repeat(25 * 1_048_576))).failure;
    expect(message).toHaveLength(limits.failureMessageChars);
    expect(message.endsWith("é…")).toBe(true);
  });

  test("U+0000, control characters and half surrogates, also where the cut falls inside a pair", () => {
    expect(describeIt(new FinalError("a\0b\u001b[31m\ud800\n\tc")).failure.message).toBe("a\ufffdb\ufffd[31m\ufffd\n\tc");
    const { message } = describeIt(new FinalError("😀".repeat(limits.failureMessageChars))).failure;
    expect(message.isWellFormed()).toBe(true);
    expect(message.length).toBeLessThanOrEqual(limits.failureMessageChars);
  });

  test("a code", () => {
    expect(describeIt(new FinalError("m", { code: "C".repeat(1_000) })).failure.code).toHaveLength(limits.failureCodeChars);
    expect(describeIt(new FinalError("m", { code: 7 as never })).failure.code).toBe("FAILED");
    expect(describeIt(new FinalError("")).failure.message).toBe("No message was given.");
  });

  test("data is plain JSON, or left out", () => {
    const data = (value: unknown) => describeIt(new FinalError("m", { data: value })).failure;
    expect(data({ at: new Date(0), "a\0": ["\ud800"] }).data).toEqual({ at: "1970-01-01T00:00:00.000Z", "a\ufffd": ["\ufffd"] });
    for (const lost of [{ big: 1n }, "x".repeat(limits.failureDataBytes), new Map()])
      expect(data(lost)).toEqual({ code: "FAILED", message: "m" });
  });

  test("an error of another copy of the package is known by its tag", () => {
    expect(describeIt(Object.assign(new Error("m"), { _tag: "FinalError", code: "X" }))).toMatchObject({
      final: true,
      failure: { code: "X", message: "m" },
    });
  });
});
