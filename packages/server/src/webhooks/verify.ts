import type { AnyTRPCRouter } from "@trpc/server";
import { Webhook } from "standardwebhooks";

import type { AnyTransformer } from "../raincheck-options.ts";
import type { WebhookMessage, WebhookMessageOf } from "./message.ts";

/** A request as it came: its body unread by any parser, for the signature is of its bytes. */
export interface WebhookRequest {
  readonly headers: Pick<Headers, "get"> | Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string | Uint8Array;
}

/** What {@link verifyWebhook} takes beside the request. */
export interface VerifyOptions<TTransformer> {
  /** The endpoint's secrets, `whsec_…`: a message is taken that any of them has signed. */
  readonly secrets: readonly string[];
  /** That of the router whose calls ended, if it has one: outputs come back as they were. */
  readonly transformer?: TTransformer;
}

/** A request is no message of this webhook: answer 400 or 401, and do nothing. */
export class WebhookRefused extends Error {
  readonly _tag = "WebhookRefused";

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "WebhookRefused";
  }
}

/**
 * Checks that a request is a message of a webhook, sent within five minutes, and reads it. The same message may come more than once, with the
 * same `data.id`: answer 2xx for one that was done before.
 *
 * @typeParam TRouter name it, and each output has the type of its procedure's.
 * @throws {WebhookRefused} when the signature, or the time, is not right. @throws {TypeError} for secrets that are none.
 */
export function verifyWebhook<TRouter extends AnyTRPCRouter = AnyTRPCRouter, TTransformer extends AnyTransformer | undefined = undefined>(
  { headers, body }: WebhookRequest,
  { secrets, transformer }: VerifyOptions<TTransformer>,
): WebhookMessage<TRouter, TTransformer> {
  if (!Array.isArray(secrets) || secrets.length === 0) throw new TypeError("verifyWebhook() needs at least one secret.");
  if (typeof headers !== "object" || headers === null) throw new TypeError("verifyWebhook() needs the request's headers.");
  if (typeof body !== "string" && !(body instanceof Uint8Array))
    throw new TypeError(
      "verifyWebhook() needs the body as it came, a string or bytes: the signature is of that, not of what a parser made of it.",
    );
  const text = typeof body === "string" ? body : new TextDecoder("utf-8", { ignoreBOM: true }).decode(body);
  const received = new Map(["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => [name, headerOf(headers, name)]));
  checkSignature(text, Object.fromEntries([...received].map(([name, value]) => [name, value ?? ""])), secrets);
  let message: WebhookMessageOf;
  try {
    message = JSON.parse(text) as WebhookMessageOf;
  } catch (cause) {
    throw new WebhookRefused("It was signed, and is no JSON.", cause);
  }
  return withOutput(message, transformer) as WebhookMessage<TRouter, TTransformer>;
}

function checkSignature(text: string, headers: Record<string, string>, secrets: readonly string[]): void {
  const faults: unknown[] = [];
  for (const secret of secrets) {
    const webhook = keyOf(secret);
    try {
      webhook.verify(text, headers, { jsonParse: false });
      return;
    } catch (fault) {
      faults.push(fault);
    }
  }
  const [fault] = faults;
  throw new WebhookRefused(`This is no message of the webhook: ${fault instanceof Error ? fault.message : "it is not signed"}.`, fault);
}

function keyOf(secret: unknown): Webhook {
  try {
    if (typeof secret === "string" && secret !== "") return new Webhook(secret);
  } catch {
    // What it throws may show the secret.
  }
  throw new TypeError("verifyWebhook() was given a secret that is none: is its environment variable set? It begins with whsec_.");
}

/** A header, in any case; `null`: it is absent, or there are several. */
function headerOf(headers: WebhookRequest["headers"], name: string): string | null {
  // By what it can do: there is more than one `Headers` in a process.
  if ("get" in headers && typeof headers.get === "function") return (headers as Pick<Headers, "get">).get(name);
  const values = Object.entries(headers).filter(([key, value]) => value !== undefined && key.toLowerCase() === name);
  const value: unknown = values.length === 1 ? values[0]![1] : undefined;
  return typeof value === "string" ? value : null;
}

function withOutput(message: WebhookMessageOf, transformer: AnyTransformer | undefined): WebhookMessageOf {
  if (transformer === undefined || message.type !== "call.succeeded" || message.data.isOutputOmitted || !("output" in message.data))
    return message;
  const codec = "output" in transformer ? transformer.output : transformer;
  return { ...message, data: { ...message.data, output: codec.deserialize(message.data.output) as unknown } };
}
