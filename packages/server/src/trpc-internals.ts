/**
 * The one file that touches what tRPC does not promise to keep: `_def` and `@trpc/server/unstable-core-do-not-import`.
 * `trpc-internals.test.ts` fails when something here has moved.
 */
import type { AnyTRPCProcedure, AnyTRPCRouter, TRPCCombinedDataTransformer, TRPCProcedureType } from "@trpc/server";
import {
  type GetRawInputFn,
  type Overwrite,
  type Parser,
  type Serialize,
  type Simplify,
  defaultTransformer,
  getParseFn,
  getProcedureAtPath,
  getStatusCodeFromKey,
  type inferParser,
} from "@trpc/server/unstable-core-do-not-import";
import type { TRPC_ERROR_CODE_KEY } from "@trpc/server/rpc";

export type { GetRawInputFn, Overwrite, Parser, Serialize, Simplify, inferParser };

/** What tRPC hands to a resolver at run time: more than its type says. */
export interface RawResolverOptions {
  readonly ctx: object;
  readonly input: unknown;
  readonly path: string;
  readonly signal: AbortSignal | undefined;
  readonly getRawInput: GetRawInputFn;
}

/** A resolver as tRPC calls it. */
export type RawResolver = (options: RawResolverOptions) => Promise<unknown>;

interface Definition {
  readonly _def: { readonly [key: string]: unknown };
}

function definitionOf(value: unknown): Definition["_def"] | null {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return null;
  const definition: unknown = Reflect.get(value, "_def");
  return typeof definition === "object" && definition !== null ? (definition as Definition["_def"]) : null;
}

/** Whether a value is a tRPC router. */
export function isRouter(value: unknown): value is AnyTRPCRouter {
  const definition = definitionOf(value);
  return definition !== null && definition["router"] === true;
}

/** Whether a value is a built tRPC procedure. */
export function isProcedure(value: unknown): value is AnyTRPCProcedure {
  return typeof value === "function" && definitionOf(value) !== null;
}

/** Whether a value is a tRPC procedure builder: `t.procedure` and what its methods return. */
export function isProcedureBuilder(value: unknown): boolean {
  const definition = definitionOf(value);
  return typeof value === "object" && definition !== null && definition["procedure"] === true && Array.isArray(definition["middlewares"]);
}

/** Whether `.output()` was called on a procedure builder. */
export function hasOutputParser(builder: unknown): boolean {
  return definitionOf(builder)?.["output"] !== undefined;
}

/** The transformer of a router; `null` when it has none, and JSON is all there is. */
export function transformerOfRouter(router: AnyTRPCRouter): TRPCCombinedDataTransformer | null {
  return orNone(router._def._config.transformer);
}

/** The transformer of the root that a procedure builder came from; `null` when it has none. */
export function transformerOfBuilder(builder: unknown): TRPCCombinedDataTransformer | null {
  const config = definitionOf(builder)?.["config"] as { transformer?: TRPCCombinedDataTransformer } | undefined;
  return orNone(config?.transformer);
}

function orNone(transformer: TRPCCombinedDataTransformer | undefined): TRPCCombinedDataTransformer | null {
  return transformer === undefined || transformer === defaultTransformer ? null : transformer;
}

/**
 * Switches on pings in a router's subscriptions over SSE, where its root says nothing of them. A client that hears nothing for
 * `reconnectAfterMs` connects again, unless the root has another time for that.
 */
export function pingSubscriptions(
  router: AnyTRPCRouter,
  options: { readonly intervalMs: number; readonly reconnectAfterMs: number },
): void {
  const config: { sse?: AnyTRPCRouter["_def"]["_config"]["sse"] } = router._def._config;
  if (config.sse?.ping !== undefined) return;
  const reconnectAfterInactivityMs = config.sse?.client?.reconnectAfterInactivityMs ?? options.reconnectAfterMs;
  config.sse = {
    ...config.sse,
    // tRPC refuses pings that are rarer than what the client takes for inactivity.
    ping: { enabled: true, intervalMs: Math.min(options.intervalMs, reconnectAfterInactivityMs / 2) },
    client: { ...config.sse?.client, reconnectAfterInactivityMs },
  };
}

/** The procedure at a path of a router, lazy routers loaded on the way; `null` when there is none. */
export async function procedureAt(router: AnyTRPCRouter, path: string): Promise<AnyTRPCProcedure | null> {
  const procedure = await getProcedureAtPath(router, path);
  return procedure !== null && Object.hasOwn(router._def.procedures, path) ? procedure : null;
}

/** The path of a procedure in a router, as far as its lazy routers are loaded; `null` when it is not there. */
export function loadedPathOf(router: AnyTRPCRouter, procedure: AnyTRPCProcedure): string | null {
  for (const [path, one] of Object.entries(router._def.procedures)) if (one === procedure) return path;
  return null;
}

/** Loads every lazy router of a router, those inside lazy routers included. */
export async function loadLazyRouters(router: AnyTRPCRouter): Promise<void> {
  for (;;) {
    const loaders = Object.values(router._def.lazy);
    if (loaders.length === 0) return;
    await Promise.all(loaders.map((loader) => loader.load()));
  }
}

/** `query`, `mutation` or `subscription`. */
export function typeOfProcedure(procedure: AnyTRPCProcedure): TRPCProcedureType {
  return procedure._def.type;
}

/**
 * Builds a procedure whose resolver is given as tRPC calls it, but with a context in any case: an application without a
 * `createContext` has none. `parser` is only shown to tools that read procedures.
 */
export function buildProcedure(
  builder: unknown,
  type: "query" | "mutation",
  parts: { resolver: RawResolver; parser: Parser | null },
): AnyTRPCProcedure {
  const procedure = (builder as Record<typeof type, (resolver: RawResolver) => AnyTRPCProcedure>)[type]((raw) => {
    const given = raw.ctx as object | null | undefined;
    return parts.resolver(given === undefined || given === null ? { ...raw, ctx: {} } : raw);
  });
  if (parts.parser !== null) Object.assign(procedure._def, { output: parts.parser });
  return procedure;
}

/** Runs a procedure with all its middleware. */
export async function runProcedure(
  procedure: AnyTRPCProcedure,
  options: { readonly path: string; readonly ctx: object; readonly getRawInput: GetRawInputFn; readonly signal: AbortSignal | undefined },
): Promise<unknown> {
  return await procedure({ ...options, type: procedure._def.type, batchIndex: 0 });
}

/** The function that checks a value with one of the parsers that tRPC knows. */
export function parserFunction(parser: Parser): (value: unknown) => unknown {
  return getParseFn(parser);
}

/** Whether a tRPC error code blames the caller: its HTTP status is from 400 to 499. */
export function isClientErrorCode(code: string): boolean {
  const status = getStatusCodeFromKey(code as TRPC_ERROR_CODE_KEY);
  return status >= 400 && status < 500;
}
