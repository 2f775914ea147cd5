import { InvalidOption, type StartedCall, type StartOptions, callIdFrom } from "@raincheck/protocol";
import { retry } from "./backoff.ts";
import type { CallsChannel, RequestOptions } from "./calls-channel.ts";
import { retryAfterMs, rpcCode } from "./client-error.ts";

/** How often a start is sent that gets no answer. */
const startTries = 4;

/** What a call is to be started with. */
export interface CallToStart extends RequestOptions {
  readonly path: string;
  readonly input: unknown;
  readonly options?: StartOptions;
}

/**
 * Starts a call. A start without an answer (the connection was lost, a proxy answered), or whose answer asks for a repetition (the
 * ledger is away), is sent again, at most three times; its idempotency key makes all of them one call. A server's refusal is thrown as
 * it is.
 *
 * @throws {InvalidOption} for an input that cannot be stored.
 */
export async function startCall(channel: CallsChannel, { path, input, options, context, signal }: CallToStart): Promise<StartedCall> {
  refuseUpload(input);
  const request = { path, input, options: { ...options, idempotencyKey: options?.idempotencyKey ?? freshKey() } };
  const again = (error: unknown) => rpcCode(error) === null || retryAfterMs(error) !== null;
  return retry(() => channel.start(request, { context, signal }), { tries: startTries, again, pauseMs: retryAfterMs, signal });
}

/** `JSON.stringify` turns these into `{}` without a word. */
const uploadTags: readonly string[] = ["FormData", "File", "Blob", "ReadableStream"];

function refuseUpload(input: unknown): void {
  const tag = Object.prototype.toString.call(input).slice(8, -1);
  if (uploadTags.includes(tag)) {
    throw new InvalidOption("input", tag, "a value that can be stored; upload files with a plain call and defer one that names them");
  }
}

/** `crypto.randomUUID` exists in secure contexts only. */
function freshKey(): string {
  return globalThis.crypto.randomUUID?.() ?? callIdFrom(globalThis.crypto.getRandomValues(new Uint8Array(16)));
}
