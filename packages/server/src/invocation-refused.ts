import type { FailureCode } from "@raincheck/protocol";

/** An attempt could not be run at all, or what it returned cannot be kept. No retry can help. */
export class InvocationRefused extends Error {
  readonly _tag = "InvocationRefused";
  readonly code: Extract<FailureCode, "UNKNOWN_PROCEDURE" | "INPUT_NOT_READABLE" | "CONTEXT_REFUSED">;

  constructor(code: InvocationRefused["code"], message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "InvocationRefused";
    this.code = code;
  }
}
