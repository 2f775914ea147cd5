import {
  type Duration,
  InvalidOption,
  hasTag,
  type Policy,
  type PolicyOptions,
  type RetryOptions,
  queueName,
  refuseUnknownOptions,
  resolvePolicy,
  wholeNumber,
} from "@raincheck/protocol";
import { type Agent as HttpAgent, validateHeaderName, validateHeaderValue } from "node:http";
import { isIP } from "node:net";

/** Where the end of calls is posted, as Standard Webhooks (https://www.standardwebhooks.com): what `webhooks` of `create()` holds by name. */
export interface WebhookEndpoint {
  /**
   * An `https:` address with a host's name, without user name, password and fragment. With `network: "private"`, or an `agent`, also `http:`, and
   * the number of a host.
   */
  readonly url: string | URL;
  /**
   * What messages are signed with: `whsec_` and 24 to 64 random bytes as Base64, such as of `openssl rand -base64 32`. Each message carries a
   * signature of each secret, and a receiver takes any of them. So a secret is changed without a gap: put the new one beside the old,
   * give it to the receiver, and take the old one out. At most 5.
   */
  readonly secrets: readonly string[];
  /** Headers of each post, such as `authorization`. Default: none but those of a webhook. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long one try may take, from the look-up of the host to the head of the answer; at most five minutes. Default `"15 seconds"`. */
  readonly timeout?: Duration;
  /**
   * When it is tried again after anything but an answer of 2xx. An answer of `410 Gone` ends it; a `Retry-After` is heeded where it asks for more. With
   * jitter the wait is from four fifths of the delay to all of it. Default: 12 attempts, `initialDelay` `"5 seconds"`, `factor` 3, `maxDelay`
   * `"12 hours"`, which is 30 hours at the least; `maxPerSecond` 10.
   */
  readonly retry?: Omit<RetryOptions, "when">;
  /** The longest message, in bytes of UTF-8; from a longer one the output is left out. At most 16 MiB. Default 1 MiB. */
  readonly maxBytes?: number;
  /**
   * - `public`: addresses of the internet alone. What the host's name stands for is looked up at each connection, and refused if any of it is
   *   private, of the machine itself, link-local, shared, reserved, or the metadata service of a cloud.
   * - `private`: any address: an endpoint in your own network, or in development.
   *
   * Default `"public"`.
   */
  readonly network?: "public" | "private";
  /** Makes the connections, such as those of a proxy that all leaving traffic goes through; `network` is its own to watch, then. Default: none. */
  readonly agent?: HttpAgent;
}

/** A {@link WebhookEndpoint} with its defaults filled in. */
export interface ResolvedEndpoint {
  readonly name: string;
  readonly url: URL;
  readonly secrets: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Its time limit is above the endpoint's own, which says when to try again. */
  readonly policy: Policy;
  readonly maxBytes: number;
  readonly network: "public" | "private";
  readonly agent: HttpAgent | null;
}

const knownOptions: readonly string[] = [
  "url",
  "secrets",
  "headers",
  "timeout",
  "retry",
  "maxBytes",
  "network",
  "agent",
] satisfies (keyof WebhookEndpoint)[];

const longestTimeoutMs = 300_000;

/** What a worker allows beyond the endpoint's time limit. */
const lastMomentsMs = 5_000;

const retryDefaults = { attempts: 12, initialDelay: "5 seconds", factor: 3, maxDelay: "12 hours", maxPerSecond: 10 } as const;

/**
 * Checks the endpoints where they are written.
 *
 * @throws {InvalidOption} which never shows a secret or a header.
 */
export function resolveEndpoints(webhooks: unknown): ReadonlyMap<string, ResolvedEndpoint> {
  if (webhooks === undefined) return new Map();
  if (typeof webhooks !== "object" || webhooks === null || Array.isArray(webhooks))
    throw new InvalidOption("webhooks", "Invalid webhooks: expected an object of endpoints by name.");
  return new Map(Object.entries(webhooks).map(([name, endpoint]) => [name, resolveEndpoint(queueName(name, "webhooks"), endpoint)]));
}

function resolveEndpoint(name: string, given: unknown): ResolvedEndpoint {
  const option = `webhooks.${name}`;
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new InvalidOption(option, `Invalid ${option}: expected an object with url and secrets.`);
  refuseUnknownOptions(given, knownOptions, `${option}.`);
  const { url, secrets, headers = {}, timeout = "15 seconds", retry = {}, maxBytes, network = "public", agent } = given as WebhookEndpoint;
  if (network !== "public" && network !== "private") throw new InvalidOption(`${option}.network`, network, `"public" or "private"`);
  if (agent !== undefined && typeof agent?.destroy !== "function")
    throw new InvalidOption(`${option}.agent`, `Invalid ${option}.agent: expected an agent of node:https.`);
  const policy = resolvedPolicy(option, { timeout, retry: withDefaults(retry, option) });
  if (policy.timeoutMs > longestTimeoutMs) throw new InvalidOption(`${option}.timeout`, timeout, `at most "5 minutes"`);
  return {
    name,
    url: checkedUrl(url, { option: `${option}.url`, isGuarded: network === "public" && agent === undefined }),
    secrets: checkedSecrets(secrets, `${option}.secrets`),
    headers: checkedHeaders(headers, `${option}.headers`),
    timeoutMs: policy.timeoutMs,
    policy: { ...policy, timeoutMs: policy.timeoutMs + lastMomentsMs },
    maxBytes: wholeNumber(maxBytes ?? 1_048_576, `${option}.maxBytes`, { min: 1_024, max: 16 * 1_048_576 }),
    network,
    agent: agent ?? null,
  };
}

function withDefaults(retry: unknown, option: string): RetryOptions {
  if (typeof retry !== "object" || retry === null) throw new InvalidOption(`${option}.retry`, retry, "an object of options");
  if ("when" in retry)
    throw new InvalidOption(
      `${option}.retry.when`,
      `Unknown option ${option}.retry.when: the endpoint's answer says whether it is tried again.`,
    );
  const given = Object.entries(retry).filter(([, value]) => value !== undefined);
  return { ...retryDefaults, ...Object.fromEntries(given) };
}

function resolvedPolicy(option: string, options: PolicyOptions): Policy {
  try {
    return resolvePolicy(options);
  } catch (error) {
    throw hasTag(error, "InvalidOption") ? new InvalidOption(option, `${option}: ${error.message}`) : error;
  }
}

function checkedUrl(given: unknown, { option, isGuarded }: { readonly option: string; readonly isGuarded: boolean }): URL {
  const url = typeof given === "string" || given instanceof URL ? URL.parse(given) : null;
  // Not shown whole: what is behind the path may be a secret.
  const shown = url === null ? "no URL" : `${url.protocol}//${url.host}…`;
  const refuse = (expected: string): never => {
    throw new InvalidOption(option, `Invalid ${option}: ${shown}; expected ${expected}.`);
  };
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:"))
    return refuse("an https: URL, such as https://example.com/hooks");
  if (isGuarded && url.protocol === "http:") return refuse(`https:, or network: "private" for an endpoint in your own network`);
  if (isGuarded && isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0)
    return refuse(`a host's name, or network: "private" for an endpoint in your own network`);
  if (url.username !== "" || url.password !== "") return refuse("no user name and no password: use headers");
  if (url.hash !== "") return refuse("no fragment");
  return url;
}

function checkedSecrets(given: unknown, option: string): readonly string[] {
  if (!Array.isArray(given) || given.length < 1 || given.length > 5)
    throw new InvalidOption(option, `Invalid ${option}: expected a list of 1 to 5 secrets.`);
  for (const [index, secret] of given.entries()) {
    const key = typeof secret === "string" ? /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1] : undefined;
    const bytes = key === undefined ? 0 : Buffer.from(key, "base64").length;
    if (bytes < 24 || bytes > 64)
      throw new InvalidOption(
        option,
        `Invalid ${option}[${index}]: expected "whsec_" and 24 to 64 bytes as Base64, such as of \`openssl rand -base64 32\`.`,
      );
  }
  return [...(given as readonly string[])];
}

function checkedHeaders(given: unknown, option: string): Readonly<Record<string, string>> {
  if (typeof given !== "object" || given === null || ![Object.prototype, null].includes(Object.getPrototypeOf(given) as object | null))
    throw new InvalidOption(option, `Invalid ${option}: expected a plain object of strings.`);
  for (const [name, value] of Object.entries(given)) {
    if (/^(?:webhook-|content-|host$|connection$|transfer-encoding$|expect$|upgrade$)/i.test(name))
      throw new InvalidOption(`${option}.${name}`, `Invalid ${option}: ${name} is set by the webhook itself.`);
    try {
      validateHeaderName(name);
      if (typeof value !== "string") throw new TypeError("no string");
      validateHeaderValue(name, value);
    } catch {
      throw new InvalidOption(
        `${option}.${name.slice(0, 100)}`,
        `Invalid ${option}: ${JSON.stringify(name.slice(0, 100))} is no header, or its value cannot be one.`,
      );
    }
  }
  return { ...(given as Record<string, string>) };
}
