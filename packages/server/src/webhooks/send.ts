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
import { waitAfter } from "./wait-after.ts";

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
  const { status } = await postTo(core, endpoint, { id: reply.id, body, failures: call.failures + 1, signal });
  return { output: plainCodec.encode({ status }, { subject: "output", maxBytes: 1_024 }), committed: false };
}

interface Message {
  readonly id: string;
  readonly body: string;
  /** Tries that have failed, if this one does. */
  readonly failures: number;
  readonly signal: AbortSignal;
}

async function postTo(core: RaincheckCore, endpoint: ResolvedEndpoint, { id, body, failures, signal }: Message): Promise<WebhookAnswer> {
  const { url } = endpoint;
  signal.throwIfAborted();
  const timeLimit = AbortSignal.timeout(endpoint.timeoutMs);
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
    answer = await post({ url, headers, body, agent, signal: AbortSignal.any([signal, timeLimit]) });
  } catch (cause) {
    signal.throwIfAborted();
    if (timeLimit.aborted) throw timedOut(endpoint, failures);
    throw notReached(endpoint, cause, failures);
  }
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw notTaken(endpoint, answer, failures);
}

function notTaken({ name, policy }: ResolvedEndpoint, { status, retryAfter }: WebhookAnswer, failures: number): FinalError | RetryError {
  if (status === 410) return new FinalError(`The webhook ${name} answered 410: it wants no more messages.`, { code: "WEBHOOK_GONE" });
  const isRedirect = status >= 300 && status < 400;
  const message = `The webhook ${name} answered ${status}${isRedirect ? "; redirects are not followed" : ""}.`;
  return new RetryError({ code: "WEBHOOK_NOT_TAKEN", message, after: waitAfter(policy.retry, { failures, retryAfter }) });
}

function timedOut({ name, policy, timeoutMs }: ResolvedEndpoint, failures: number): RetryError {
  const after = waitAfter(policy.retry, { failures, retryAfter: null });
  return new RetryError({ code: "WEBHOOK_TIMED_OUT", message: `The webhook ${name} did not answer within ${timeoutMs} ms.`, after });
}

/** What a connection failed with is the worker's log's; whoever lists messages is told its code alone, which names no address. */
function notReached({ name, policy }: ResolvedEndpoint, cause: unknown, failures: number): RetryError {
  const after = waitAfter(policy.retry, { failures, retryAfter: null });
  const text = readSafely(cause, "message");
  if (typeof text === "string" && text.startsWith("DNS lookup"))
    return new RetryError({
      code: "WEBHOOK_ADDRESS_REFUSED",
      message: `The host of the webhook ${name} has an address that is not of the internet. If it is meant, give the endpoint network: "private".`,
      after,
      cause,
    });
  const code = readSafely(cause, "code");
  const shown = typeof code === "string" && /^[A-Z0-9_]{1,60}$/.test(code) ? `: ${code}` : "";
  return new RetryError({ code: "WEBHOOK_NOT_REACHED", message: `The webhook ${name} could not be reached${shown}.`, after, cause });
}
