/**
 * What a tRPC client's error says of the operation, read from its shape: `instanceof` would fail across two copies of
 * `@trpc/client`, and an application's error formatter may leave out `data.code` but hardly the JSON-RPC code.
 */
import { type CallId, hasTag } from "@raincheck/protocol";
import { TRPCClientError } from "@trpc/client";
import type { AnyTRPCRouter } from "@trpc/server";

/** The HTTP status of each tRPC error code. */
const httpStatuses: Readonly<Record<string, number>> = {
  PARSE_ERROR: 400,
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  PAYMENT_REQUIRED: 402,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_SUPPORTED: 405,
  TIMEOUT: 408,
  CONFLICT: 409,
  PRECONDITION_FAILED: 412,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  UNPROCESSABLE_CONTENT: 422,
  PRECONDITION_REQUIRED: 428,
  TOO_MANY_REQUESTS: 429,
  CLIENT_CLOSED_REQUEST: 499,
  INTERNAL_SERVER_ERROR: 500,
  NOT_IMPLEMENTED: 501,
  BAD_GATEWAY: 502,
  SERVICE_UNAVAILABLE: 503,
  GATEWAY_TIMEOUT: 504,
};

/** The JSON-RPC number of a tRPC error code: tRPC took the last digits of its own from the HTTP status. */
function rpcNumber(code: string, httpStatus: number): number {
  if (code === "PARSE_ERROR") return -32_700;
  if (httpStatus === 400) return -32_600;
  return httpStatus >= 500 ? -32_603 : -(32_000 + httpStatus - 400);
}

/** What the server's answers with these codes have in common: the same request may succeed later. */
const passingCodes: readonly (number | null)[] = [-32603, -32008, -32029, -32099];

/** The JSON-RPC code that the server answered with; `null` when the server gave no tRPC answer at all. */
export function rpcCode(error: unknown): number | null {
  if (typeof error !== "object" || error === null || !("shape" in error)) return null;
  const { shape } = error;
  return typeof shape === "object" && shape !== null && "code" in shape && typeof shape.code === "number" ? shape.code : null;
}

/**
 * After how long the server asked to be asked again, in milliseconds: in the error's data, where `retryHint` has put it, or by the
 * response's `Retry-After`. `null`: it did not ask for that.
 */
export function retryAfterMs(error: unknown): number | null {
  if (!(error instanceof Error)) return null;
  const { data, meta } = error as Partial<TRPCClientError<AnyTRPCRouter>>;
  const response = meta?.["response"] as Partial<Response> | undefined;
  const ms =
    (data as { retryAfterMs?: unknown } | undefined)?.retryAfterMs ?? Number(response?.headers?.get("retry-after") || Number.NaN) * 1_000;
  return typeof ms === "number" && ms >= 0 ? Math.min(ms, 30_000) : null;
}

/** Whether the server has decided against the request: asking again changes nothing. */
export function isRefusal(error: unknown): boolean {
  const code = rpcCode(error);
  return code !== null && !passingCodes.includes(code);
}

/** Whether the server has no such procedure, or none that can be subscribed to. */
export function isNoSuchProcedure(error: unknown): boolean {
  const code = rpcCode(error);
  return code === -32004 || code === -32005;
}

/** What a watch means by its `NOT_FOUND`, as the error that any other `calls` procedure answers with. */
export function callNotFound(id: CallId): TRPCClientError<AnyTRPCRouter> {
  return clientError("NOT_FOUND", { message: `There is no call ${id}, or it is not yours.` });
}

/**
 * How a tRPC call site is told that its deferred call has no output: a `TRPCClientError` whose `cause` is the
 * `CallFailed`, `CallCancelled` or `CallExpired`. Its `data.code` is the failure's code where that is one of tRPC's;
 * otherwise `TIMEOUT` of an expired or timed-out call, `CLIENT_CLOSED_REQUEST` of a cancelled one, and
 * `INTERNAL_SERVER_ERROR`. Anything else becomes what tRPC makes of it.
 */
export function toClientError(error: unknown, path: string): TRPCClientError<AnyTRPCRouter> {
  if (hasTag(error, "CallFailed") || hasTag(error, "CallCancelled") || hasTag(error, "CallExpired")) {
    const code = "code" in error && typeof error.code === "string" ? error.code : "";
    const fallback =
      error._tag === "CallExpired" || code === "TIMED_OUT"
        ? "TIMEOUT"
        : error._tag === "CallCancelled"
          ? "CLIENT_CLOSED_REQUEST"
          : "INTERNAL_SERVER_ERROR";
    return clientError(Object.hasOwn(httpStatuses, code) ? code : fallback, { message: error.message, path, cause: error });
  }
  return TRPCClientError.from(typeof error === "object" && error !== null ? error : new Error(String(error)));
}

function clientError(
  code: string,
  { message, path, cause }: { message: string; path?: string; cause?: Error },
): TRPCClientError<AnyTRPCRouter> {
  const httpStatus = httpStatuses[code]!;
  const error = { code: rpcNumber(code, httpStatus), message, data: { code, httpStatus, ...(path === undefined ? {} : { path }) } };
  return TRPCClientError.from({ error }, cause === undefined ? {} : { cause });
}
