/** Posting what a worker has claimed of a webhook's replies: one try. */
import { type ClaimedCall, parseReply } from "@raincheck/engine";
import { FinalError, RetryError } from "@raincheck/protocol";

import { InvocationRefused } from "../invocation-refused.ts";
import { plainCodec } from "../payload-codec.ts";
import type { RaincheckCore } from "../raincheck-core.ts";
import { readSafely } from "../read-safely.ts";
import type { InvokeOptions, Invoked } from "../runtime.ts";
import { composeMessage } from "./compose.ts";
import type { ResolvedEndpoint } from "./endpoint.ts";
import { type WebhookAnswer, post } from "./post.ts";
import { signatureOf } from "./signature.ts";

/** The longest that a `Retry-After` is heeded for, in seconds. */
const longestWaitSeconds = 86_400;

/**
 * Posts the message of a reply to the endpoint of this name.
 *
 * @returns the status of the answer, as the reply's own output.
 * @throws {RetryError} when it was not taken; {FinalError} when the endpoint wants no more messages.
 */
export async function sendMessage(
  core: RaincheckCore,
  call: ClaimedCall,
  { name, signal }: { readonly name: string } & Pick<InvokeOptions, "signal">,
): Promise<Invoked> {
  const endpoint = core.webhooks.get(name);
  if (endpoint === undefined) throw new InvocationRefused("UNKNOWN_PROCEDURE", `This worker has no webhook ${JSON.stringify(name)}.`);
  const reply = parseReply(call.input);
  const body = composeMessage(reply, { codec: core.bound().codecs.output, maxBytes: endpoint.maxBytes });
  const { status } = await postTo(core, endpoint, { id: reply.id, body, signal });
  return { output: plainCodec.encode({ status }, { subject: "output", maxBytes: 1_024 }), committed: false };
}

async function postTo(
  core: RaincheckCore,
  endpoint: ResolvedEndpoint,
  { id, body, signal }: { readonly id: string; readonly body: string; readonly signal: AbortSignal },
): Promise<WebhookAnswer> {
  const { name, url } = endpoint;
  signal.throwIfAborted();
  const agent = await core.webhookConnections.agentOf(endpoint);
  const sentAt = new Date(core.now());
  const headers = {
    "user-agent": "raincheck-webhooks",
    ...endpoint.headers,
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1_000)),
    "webhook-signature": await signatureOf(endpoint.secrets, { id, sentAt, body }),
  };
  let answer: WebhookAnswer;
  try {
    answer = await post({ url, headers, body, agent, signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw notReached(name, cause);
  }
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw notTaken(name, answer);
}

function notTaken(name: string, { status, retryAfter }: WebhookAnswer): FinalError | RetryError {
  if (status === 410) return new FinalError(`The webhook ${name} answered 410: it wants no more messages.`, { code: "WEBHOOK_GONE" });
  const isRedirect = status >= 300 && status < 400;
  const message = `The webhook ${name} answered ${status}${isRedirect ? "; redirects are not followed" : ""}.`;
  const afterSeconds = retryAfter === null ? null : secondsOf(retryAfter);
  return new RetryError({ code: "WEBHOOK_NOT_TAKEN", message, ...(afterSeconds !== null && { after: `${afterSeconds} seconds` }) });
}

/** The seconds of a `Retry-After` (RFC 9110, 10.2.3): a number, or a date; `null`: it is neither. */
function secondsOf(retryAfter: string): number | null {
  const seconds = /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : Math.ceil((Date.parse(retryAfter) - Date.now()) / 1_000);
  return Number.isNaN(seconds) ? null : Math.min(Math.max(seconds, 0), longestWaitSeconds);
}

/** What a connection failed with is the worker's log's; whoever lists messages is told its code alone, which names no address. */
function notReached(name: string, cause: unknown): RetryError {
  const text = readSafely(cause, "message");
  if (typeof text === "string" && text.startsWith("DNS lookup"))
    return new RetryError({
      code: "WEBHOOK_ADDRESS_REFUSED",
      message: `The host of the webhook ${name} has an address that is not of the internet. If it is meant, give the endpoint network: "private".`,
      cause,
    });
  const code = readSafely(cause, "code");
  const shown = typeof code === "string" && /^[A-Z0-9_]{1,60}$/.test(code) ? `: ${code}` : "";
  return new RetryError({ code: "WEBHOOK_NOT_REACHED", message: `The webhook ${name} could not be reached${shown}.`, cause });
}
