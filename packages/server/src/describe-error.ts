/**
 * What of a thrown value crosses the wire, and whether a retry can help. Anything can be thrown, so nothing of it is trusted:
 * every property is read guarded, every text is cut and cleaned, and the description itself never throws.
 */
import { type Duration, type Failure, type FailureCode, hasTag, limits, toCappedMs } from "@raincheck/protocol";

import type { CarriedThrow } from "./attempt.ts";
import { cleanJson, cleanText } from "./clean-text.ts";
import { InvocationRefused } from "./invocation-refused.ts";
import { routerCodecs } from "./payload-codec.ts";
import { readSafely } from "./read-safely.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import type { DescribedError } from "./runtime.ts";
import { isClientErrorCode } from "./trpc-internals.ts";

type Described = Omit<DescribedError, "ofEngine">;

const hiddenMessage = "The procedure failed unexpectedly. The error itself is in the worker's log, under this failure's errorId.";

/** Turns anything that an attempt threw into data. Never throws. */
export function describeError(error: unknown, core: Pick<RaincheckCore, "newErrorId" | "engineErrors">): DescribedError {
  const described = describeThrown(error, core.newErrorId);
  const { thrown } = described;
  return { ...described, ofEngine: typeof thrown === "object" && thrown !== null && core.engineErrors.has(thrown) };
}

function describeThrown(error: unknown, newErrorId: () => string): Described {
  const hide = (code: string, thrown: unknown, final: boolean): Described => ({
    failure: { code, message: hiddenMessage, errorId: newErrorId() },
    final,
    retryAfterMs: null,
    thrown,
    hidden: true,
  });

  const trpc = trpcErrorCode(error);
  // A call that could not be started because the ledger was away is the ledger's outage, whatever its caller is told of it.
  const isOutage = trpc === "SERVICE_UNAVAILABLE" && hasTag(readSafely(error, "cause"), "EngineUnavailable");
  const thrown = trpc === "INTERNAL_SERVER_ERROR" || isOutage ? unwrapped(error) : error;
  try {
    if (error instanceof InvocationRefused) return describeRefusal(error, hide);
    if (hasTag(thrown, "FinalError"))
      return { failure: declaredFailure(thrown, "FAILED"), final: true, retryAfterMs: null, thrown, hidden: false };
    if (hasTag(thrown, "RetryError")) return describeRetry(thrown);
    if (hasTag(error, "PayloadUnreadable")) {
      const failure: Failure = { code: "INPUT_NOT_READABLE" satisfies FailureCode, message: messageOf(error) };
      return { failure, final: true, retryAfterMs: null, thrown: error, hidden: false };
    }
    if (hasTag(thrown, "PayloadRefused")) {
      const what = readSafely(thrown, "subject") === "yield" ? "YIELD" : "OUTPUT";
      const code: FailureCode = `${what}_${readSafely(thrown, "code") === "TOO_LARGE" ? "TOO_LARGE" : "NOT_STORABLE"}`;
      return { failure: { code, message: messageOf(thrown) }, final: true, retryAfterMs: null, thrown, hidden: false };
    }
    const code = trpcErrorCode(thrown) ?? trpc;
    if (code !== null && isClientErrorCode(code)) {
      return {
        failure: { code: cleanCode(code, "BAD_REQUEST"), message: messageOf(thrown) },
        final: true,
        retryAfterMs: null,
        thrown,
        hidden: false,
      };
    }
    return hide(code === null ? "INTERNAL_SERVER_ERROR" : cleanCode(code, "INTERNAL_SERVER_ERROR"), thrown, false);
  } catch {
    // Something that was thrown fights being looked at: a proxy, a revoked one.
    return hide("INTERNAL_SERVER_ERROR", thrown, false);
  }
}

function describeRefusal(refusal: InvocationRefused, hide: (code: string, thrown: unknown, final: boolean) => Described): Described {
  const { code, cause } = refusal;
  if (code !== "CONTEXT_REFUSED")
    return { failure: { code, message: messageOf(refusal) }, final: true, retryAfterMs: null, thrown: refusal, hidden: false };
  // What `restore` threw: the application may speak to the caller by the same errors as in a resolver.
  if (hasTag(cause, "RetryError")) return describeRetry(cause);
  const trpc = trpcErrorCode(cause);
  const declared = hasTag(cause, "FinalError") || (trpc !== null && isClientErrorCode(trpc));
  if (declared) return { failure: { code, message: messageOf(cause) }, final: true, retryAfterMs: null, thrown: cause, hidden: false };
  return hide(code, cause, true);
}

/** The code of a `TRPCError`, whichever copy of tRPC made it; `null` for anything else. */
function trpcErrorCode(error: unknown): string | null {
  if (readSafely(error, "name") !== "TRPCError") return null;
  const code = readSafely(error, "code");
  return typeof code === "string" ? code : null;
}

/** What tRPC wrapped in its own error. */
function unwrapped(error: unknown): unknown {
  const cause = readSafely(error, "cause");
  if (cause === undefined) return error;
  return readSafely(cause, "_tag") === "CarriedThrow" ? (cause as CarriedThrow).thrown : cause;
}

function declaredFailure(error: Error, fallbackCode: string): Failure {
  const data = declaredData(readSafely(error, "data"));
  return { code: cleanCode(readSafely(error, "code"), fallbackCode), message: messageOf(error), ...(data === undefined ? {} : { data }) };
}

/** Declared data as plain JSON; left out when it is none, or too large: the message is what matters. */
function declaredData(data: unknown): unknown {
  if (data === undefined) return undefined;
  try {
    const { output } = routerCodecs(null);
    return cleanJson(output.decode(output.encode(data, { subject: "output", maxBytes: limits.failureDataBytes })));
  } catch {
    return undefined;
  }
}

function describeRetry(thrown: Error): Described {
  return { failure: declaredFailure(thrown, "RETRY"), final: false, ...retryAfter(thrown), thrown, hidden: false };
}

/** What this package's own `RetryError` carries was checked; another copy's, or one that was written to since, was not. */
function retryAfter(error: Error): Pick<Described, "retryAfterMs" | "unreadableAfter"> {
  const after = readSafely(error, "after");
  if (after === undefined) return { retryAfterMs: null };
  try {
    return { retryAfterMs: toCappedMs(after as Duration, "after") };
  } catch (invalid) {
    if (hasTag(invalid, "InvalidOption")) return { retryAfterMs: null, unreadableAfter: invalid };
    throw invalid;
  }
}

function messageOf(error: unknown): string {
  const message = readSafely(error, "message");
  return cleanText(typeof message === "string" && message !== "" ? message : "No message was given.", limits.failureMessageChars);
}

function cleanCode(code: unknown, fallback: string): string {
  return typeof code === "string" && code !== "" ? cleanText(code, limits.failureCodeChars) : fallback;
}
