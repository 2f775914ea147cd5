/**
 * Deferred calls for plain HTTP clients, with standard headers: `Prefer: respond-async, wait=N` (RFC 7240) and
 * `Idempotency-Key`. An accepted call answers `202 Accepted` with `Location`, `Preference-Applied` and `Retry-After`. `docs/http.md`
 * shows all of it.
 */
import type { CallRecord } from "@raincheck/engine";
import { type CallMode, limits } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";
import { TRPC_ERROR_CODES_BY_KEY, type TRPC_ERROR_CODE_KEY } from "@trpc/server/rpc";

import type { AcceptedCall } from "./accept-call.ts";
import { awaitEnd } from "./await-end.ts";
import { type CarryingContext, httpKey } from "./carried-in-context.ts";
import { readSafely } from "./read-safely.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import { retryAfterMs } from "./retry-hint.ts";
import { forCaller } from "./to-trpc-error.ts";
import { outputOf } from "./decode-call.ts";
import { loadedPathOf, transformerOfRouter } from "./trpc-internals.ts";

/** A request as HTTP servers give it: `Request` of fetch, or Node's `IncomingMessage`. */
export interface HttpRequest {
  readonly headers: { get(name: string): string | null } | { readonly [name: string]: string | readonly string[] | undefined };
}

/** What {@link httpContext} adds to a context. */
export interface HttpContext {
  /** `"async"` when the client prefers it. It holds for every deferrable procedure that runs with this context. */
  readonly mode: CallMode;
}

/** What a client prefers. */
export interface HttpPreferences {
  /** How long it would rather wait for the output itself, in milliseconds; 0: not at all. */
  readonly waitMs: number;
  /** `null`: none. */
  readonly idempotencyKey: string | null;
}

/** Reads the preferences of a request, for `createContext`. What is not understood is ignored, as RFC 7240 says. */
export function httpContext(request: HttpRequest): HttpContext {
  const prefer = parsePrefer(headerOf(request, "prefer") ?? "");
  const key = headerOf(request, "idempotency-key")?.trim() ?? "";
  const waitSeconds = /^\d{1,9}$/.test(prefer.get("wait") ?? "") ? Number(prefer.get("wait")) : 0;
  const preferences: HttpPreferences = {
    waitMs: Math.min(waitSeconds * 1_000, limits.waitMs),
    idempotencyKey: key === "" ? null : unquote(key),
  };
  const context: HttpContext & CarryingContext = { mode: prefer.has("respond-async") ? "async" : "sync", [httpKey]: preferences };
  return context;
}

function headerOf({ headers }: HttpRequest, name: string): string | null {
  if (typeof headers.get === "function") return headers.get(name);
  const value = (headers as { readonly [name: string]: string | readonly string[] | undefined })[name];
  return value === undefined ? null : typeof value === "string" ? value : value.join(", ");
}

/** The preferences of a `Prefer` header by their lower-case names; of a repeated one, the first counts. */
function parsePrefer(header: string): ReadonlyMap<string, string> {
  const preferences = new Map<string, string>();
  for (const part of header.slice(0, 2_000).split(",")) {
    const [name = "", value = ""] = part
      .split(";", 1)[0]!
      .split("=", 2)
      .map((one) => one.trim());
    const key = name.toLowerCase();
    if (key !== "" && !preferences.has(key)) preferences.set(key, unquote(value));
  }
  return preferences;
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** The answer to an accepted call: the output itself when it comes within the preferred wait, else the accepted call. */
export async function answerWithin(
  core: RaincheckCore,
  accepted: AcceptedCall,
  { preferences, signal }: { readonly preferences: HttpPreferences; readonly signal: AbortSignal | undefined },
): Promise<unknown> {
  const { call, reader, early } = accepted;
  if (preferences.waitMs === 0) return call;
  const from = early?.take() ?? null;
  const record = await forCaller(() => awaitEnd(core.reads, call.id, { reader, timeoutMs: preferences.waitMs, signal, from }));
  if (record === null) return call;
  if (record.endedAt === null) {
    const now = { ...call, state: record.state };
    core.acceptedAnswers.add(now);
    return now;
  }
  try {
    return outputOf(record, core.bound().codecs.output);
  } catch (ended) {
    throw endedError(ended, record);
  }
}

/**
 * The tRPC error of a call that ended without an output, for a client that waited for it. Of a failure tRPC's error carries a message
 * alone, so its code, the id under which it is logged, and the call stand there.
 */
function endedError(ended: unknown, { id, failure }: CallRecord): unknown {
  const code = readSafely(ended, "code");
  const message = readSafely(ended, "message");
  if (typeof code !== "string" || typeof message !== "string") return ended;
  const fallback: TRPC_ERROR_CODE_KEY =
    readSafely(ended, "_tag") === "CallExpired"
      ? "GATEWAY_TIMEOUT"
      : readSafely(ended, "_tag") === "CallCancelled"
        ? "CONFLICT"
        : "INTERNAL_SERVER_ERROR";
  const named = [
    `call ${id}`,
    ...(failure === null ? [] : [`code ${failure.code}`]),
    ...(failure?.errorId ? [`errorId ${failure.errorId}`] : []),
  ];
  return new TRPCError({
    code: Object.hasOwn(TRPC_ERROR_CODES_BY_KEY, code) ? (code as TRPC_ERROR_CODE_KEY) : fallback,
    message: `${message} (${named.join(", ")})`,
    cause: ended,
  });
}

/** What of tRPC's `responseMeta` options is looked at. */
export interface ResponseMetaOptions {
  readonly ctx?: unknown;
  readonly data: readonly object[];
  readonly errors: readonly { readonly code: string }[];
  readonly info?: { readonly url: URL | null; readonly calls: readonly { readonly path: string }[] } | undefined;
}

/** Status and headers that {@link describeResponse} sets. */
export interface ResponseMeta {
  status?: number;
  headers?: Headers;
}

/** In seconds, as the header has it. */
const retryAfterSeconds = String(retryAfterMs / 1_000);

/** tRPC's `responseMeta`: `202` and its headers when everything in the response is an accepted call; when to ask again, for open calls. */
export function describeResponse(core: RaincheckCore, options: ResponseMetaOptions): ResponseMeta {
  const { data, errors, info } = options;
  const headers = new Headers();
  if (errors.some(({ code }) => code === "SERVICE_UNAVAILABLE" || code === "TOO_MANY_REQUESTS")) {
    headers.set("retry-after", retryAfterSeconds);
    return { headers };
  }
  const answers = data.map((response) => readSafely(readSafely(response, "result"), "data"));
  const among = (set: WeakSet<object>) => answers.filter((answer) => typeof answer === "object" && answer !== null && set.has(answer));
  if (data.length > 0 && among(core.openAnswers).length === data.length) {
    headers.set("retry-after", retryAfterSeconds);
    return { headers };
  }
  const accepted = among(core.acceptedAnswers);
  if (accepted.length === 0 || accepted.length < data.length) return {};
  headers.set("retry-after", retryAfterSeconds);
  const preferences = preferencesOf(options.ctx);
  if (preferences !== null)
    headers.set("preference-applied", preferences.waitMs === 0 ? "respond-async" : `respond-async, wait=${preferences.waitMs / 1_000}`);
  const location = accepted.length === 1 && info?.url ? locationOf(core, info.url, String(readSafely(accepted[0], "id"))) : null;
  if (location !== null) headers.set("location", location);
  return { status: 202, headers };
}

function preferencesOf(context: unknown): HttpPreferences | null {
  return typeof context === "object" && context !== null ? ((context as CarryingContext)[httpKey] ?? null) : null;
}

/** Where the call can be read: the `get` procedure that `calls()` made, beside the procedure that was called; `null` if it is nowhere. */
function locationOf(core: RaincheckCore, url: URL, id: string): string | null {
  const { router } = core.bound();
  for (const procedure of core.getProcedures) {
    const path = loadedPathOf(router, procedure);
    if (path === null) continue;
    const input: unknown = transformerOfRouter(router)?.input.serialize({ id }) ?? { id };
    return `${url.pathname.slice(0, url.pathname.lastIndexOf("/") + 1)}${path}?input=${encodeURIComponent(JSON.stringify(input))}`;
  }
  return null;
}
