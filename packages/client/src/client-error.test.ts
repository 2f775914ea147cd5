import { CallFailed } from "@raincheck/protocol";
import { TRPCClientError } from "@trpc/client";
import { TRPC_ERROR_CODES_BY_KEY } from "@trpc/server/rpc";
import { getStatusCodeFromKey, retryableRpcCodes } from "@trpc/server/unstable-core-do-not-import";
import { describe, expect, it } from "vitest";
import { callNotFound, isNoSuchProcedure, isRefusal, retryAfterMs, rpcCode, toClientError } from "./client-error.ts";

const call = { id: "3f2b8c1e-9d4a-4f6b-8a7c-1e2d3c4b5a69", path: "reports.make" };
const answered = (code: number) => TRPCClientError.from({ error: { code, message: "", data: {} } });

describe("a failure as tRPC's error", () => {
  it("has the numbers that tRPC gives to its codes", () => {
    for (const [code, number] of Object.entries(TRPC_ERROR_CODES_BY_KEY)) {
      const { data, shape } = toClientError(new CallFailed(call, { code, message: "no" }), call.path);
      expect({ code: shape?.code, data }).toEqual({
        code: number,
        data: { code, httpStatus: getStatusCodeFromKey(code as keyof typeof TRPC_ERROR_CODES_BY_KEY), path: call.path },
      });
    }
  });

  it("is what tRPC makes of anything else", () => {
    const error = answered(-32_600);
    expect(toClientError(error, call.path)).toBe(error);
    expect(toClientError("a string", call.path)).toMatchObject({ name: "TRPCClientError", message: "a string" });
    expect(toClientError(undefined, call.path)).toMatchObject({ name: "TRPCClientError" });
  });
});

describe("what an error says", () => {
  it("is a refusal, unless the same request may succeed later", () => {
    for (const [code, number] of Object.entries(TRPC_ERROR_CODES_BY_KEY)) {
      const passing = [...retryableRpcCodes, -32_008, -32_029, -32_099].includes(number);
      expect([code, isRefusal(answered(number))]).toEqual([code, !passing]);
    }
    expect(isRefusal(callNotFound(call.id))).toBe(true);
    expect(isNoSuchProcedure(answered(-32_005))).toBe(true);
    expect(isNoSuchProcedure(answered(-32_001))).toBe(false);
  });

  it("is when to ask again, by its data or by the response's header, half a minute at most", () => {
    const saying = (data: object, header: string | null) =>
      TRPCClientError.from(
        { error: { code: -32_603, message: "", data } },
        { meta: { response: new Response(null, header === null ? {} : { headers: { "retry-after": header } }) } },
      );
    expect(retryAfterMs(saying({ retryAfterMs: 250 }, "9"))).toBe(250);
    expect(retryAfterMs(saying({}, "9"))).toBe(9_000);
    expect(retryAfterMs(saying({}, "86400"))).toBe(30_000);
    for (const none of [saying({}, null), saying({ retryAfterMs: "soon" }, null), saying({}, "tomorrow"), answered(-32_603), null, "x"]) {
      expect(retryAfterMs(none)).toBeNull();
    }
  });

  it("is nothing without an answer", () => {
    for (const error of [
      TRPCClientError.from(new TypeError("fetch failed")),
      new Error("x"),
      null,
      undefined,
      "x",
      { shape: null },
      { shape: {} },
    ]) {
      expect(rpcCode(error)).toBeNull();
      expect(isRefusal(error)).toBe(false);
    }
  });
});
