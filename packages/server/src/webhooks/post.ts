import type { IncomingMessage, RequestOptions } from "node:http";

/** A message to post. */
export interface WebhookPost {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly agent: NonNullable<RequestOptions["agent"]>;
  /** Ends the post. */
  readonly signal: AbortSignal;
}

/** How the endpoint answered. What its answer holds is not looked at. */
export interface WebhookAnswer {
  readonly status: number;
  /** The `Retry-After` header, as it came; `null`: none. */
  readonly retryAfter: string | null;
}

/** Of an answer's body so many bytes are read, and for so long, that the connection can be kept. */
const bodyLimits = { bytes: 65_536, ms: 1_000 };

/**
 * Posts a message once. Redirects are not followed.
 *
 * @returns when the head of the answer is there.
 * @throws what the connection was refused or lost with; the signal's own error when that ends it.
 */
export async function post({ url, headers, body, agent, signal }: WebhookPost): Promise<WebhookAnswer> {
  const { request } = url.protocol === "https:" ? await import("node:https") : await import("node:http");
  const { promise, resolve, reject } = Promise.withResolvers<WebhookAnswer>();
  const bytes = Buffer.from(body);
  const sent = request(url, {
    method: "POST",
    headers: { ...headers, "content-length": bytes.length },
    agent,
    signal,
    maxHeaderSize: 16_384,
  });
  // It stays: a connection that breaks after the answer's head is nobody's concern.
  sent.on("error", reject);
  sent.on("response", (answer) => {
    drain(answer);
    resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers["retry-after"] ?? null });
  });
  sent.on("upgrade", (_, socket) => {
    socket.destroy();
    reject(new Error("The endpoint has changed the protocol."));
  });
  sent.end(bytes);
  return await promise;
}

/** Reads an answer to its end, or breaks the connection off. */
function drain(answer: IncomingMessage): void {
  let left = bodyLimits.bytes;
  const timer = setTimeout(() => answer.destroy(), bodyLimits.ms).unref();
  answer.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) answer.destroy();
  });
  answer.on("close", () => clearTimeout(timer));
  answer.on("error", () => {});
}
