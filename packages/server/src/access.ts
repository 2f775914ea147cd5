import { type Reader, isOfReplies } from "@raincheck/engine";
import { limits } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";

import { readSafely } from "./read-safely.ts";
import type { RaincheckCore } from "./raincheck-core.ts";

/**
 * Who asks, by the application's `principal` function.
 *
 * @throws {TRPCError} `INTERNAL_SERVER_ERROR` when the function gives anything but `null` or a well-formed string of 1 to
 *   `limits.principalChars` characters. An empty string is refused: it is what a missing id turns into, and would make one
 *   owner of many.
 */
export function readerOf(core: RaincheckCore, context: object | undefined): Reader {
  // An application without a `createContext` has no context.
  const principal: unknown = core.principal(context ?? {});
  if (principal === null) return { principal };
  if (typeof principal !== "string") {
    const given = typeof readSafely(principal, "then") === "function" ? "a promise" : typeof principal;
    throw invalidPrincipal(`gave ${given}, not a string or null`);
  }
  if (principal === "") throw invalidPrincipal("gave an empty string; null means anonymous");
  if (principal.length > limits.principalChars)
    throw invalidPrincipal(`gave ${principal.length} characters, and ${limits.principalChars} are allowed`);
  if (principal.includes("\0") || !principal.isWellFormed()) throw invalidPrincipal("gave a string with U+0000 or half a surrogate pair");
  if (isOfReplies(principal)) throw invalidPrincipal("gave a name that is kept for reply queues");
  return { principal };
}

function invalidPrincipal(what: string): TRPCError {
  return new TRPCError({ code: "INTERNAL_SERVER_ERROR", message: `The principal function ${what}.` });
}

/** The one answer for a call that does not exist and for another's: the same to the byte. */
export function callNotFound(): TRPCError {
  return new TRPCError({ code: "NOT_FOUND", message: "No such call." });
}
