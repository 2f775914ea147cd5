import { hasTag } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";

import { readSafely } from "./read-safely.ts";

/**
 * The tRPC error that a caller gets for an error of the engine or of this package; anything else is returned as it is. The
 * original is the `cause`, which tRPC does not send.
 */
export function toTrpcError(error: unknown): unknown {
  if (hasTag(error, "PayloadRefused")) {
    const code = readSafely(error, "code") === "TOO_LARGE" ? "PAYLOAD_TOO_LARGE" : "BAD_REQUEST";
    return new TRPCError({ code, message: error.message, cause: error });
  }
  if (hasTag(error, "PayloadUnreadable")) {
    // A process of the later release is there, for it wrote this: to ask again may meet it.
    const code = readSafely(error, "code") === "LATER_VERSION" ? "SERVICE_UNAVAILABLE" : "INTERNAL_SERVER_ERROR";
    return new TRPCError({ code, message: error.message, cause: error });
  }
  if (hasTag(error, "InvalidOption")) return new TRPCError({ code: "BAD_REQUEST", message: error.message, cause: error });
  if (hasTag(error, "IdempotencyConflict")) return new TRPCError({ code: "CONFLICT", message: error.message, cause: error });
  if (hasTag(error, "EngineFull")) {
    return new TRPCError({ code: "TOO_MANY_REQUESTS", message: "No more calls can be accepted for now. Try again later.", cause: error });
  }
  if (hasTag(error, "EngineUnavailable") && readSafely(error, "code") === "STOPPED") {
    // Another process may take it; this one never will, and whoever calls from within it must know that.
    const message = "The engine of this process was stopped, and takes no more calls. Another process may.";
    return new TRPCError({ code: "SERVICE_UNAVAILABLE", message, cause: error });
  }
  if (hasTag(error, "EngineUnavailable") || hasTag(error, "EngineSetupError")) {
    return new TRPCError({
      code: "SERVICE_UNAVAILABLE",
      message: "The ledger of calls cannot be reached for now. Try again.",
      cause: error,
    });
  }
  return error;
}

/** Runs an act on the engine; its errors become what the caller gets. */
export async function forCaller<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw toTrpcError(error);
  }
}
