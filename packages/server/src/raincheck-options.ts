import type { Engine } from "@raincheck/engine";
import { type CallId, InvalidOption, refuseUnknownOptions } from "@raincheck/protocol";
import type { TRPCCombinedDataTransformer, TRPCDataTransformer } from "@trpc/server";

import type { Log } from "./log.ts";
import type { WebhookEndpoint } from "./webhooks/endpoint.ts";

/** What `restore` is told of the call whose attempt it restores the context for. */
export interface RestoredCall {
  readonly id: CallId;
  readonly path: string;
  /** Whose call it is; `null`: anonymous. */
  readonly principal: string | null;
  /** From 1. */
  readonly attempt: number;
  /** When it was accepted: ISO 8601 by the engine's clock. */
  readonly createdAt: string;
}

/**
 * What `initRaincheck.context<Context>().create()` takes.
 *
 * @typeParam TContext the application's tRPC context.
 * @typeParam TTransaction what the engine hands to `ctx.call.commit`'s function.
 * @typeParam TCaptured what `capture` keeps.
 * @typeParam TTransformer the router's transformer, if it is given.
 * @typeParam TCallerTransaction what the engine takes as the caller's own transaction.
 * @typeParam TWebhook the names of `webhooks`.
 */
export interface RaincheckOptions<
  TContext extends object,
  TTransaction,
  TCaptured,
  TTransformer,
  TCallerTransaction = TTransaction,
  TWebhook extends string = never,
> {
  /** Where calls are kept and delivered: `postgresEngine()` or `memoryEngine()`. */
  readonly engine: Engine<TTransaction, TCallerTransaction>;
  /**
   * Who owns the calls made with this context: a stable name of at most `limits.principalChars` characters. `null`:
   * anonymous, readable by whoever holds the call's id.
   */
  readonly principal: (context: TContext) => string | null;
  /**
   * What of the context travels with the call: small JSON that comes back as it was, never secrets. It is stored. Default:
   * nothing.
   */
  readonly capture?: (context: TContext) => TCaptured | Promise<TCaptured>;
  /**
   * Makes the context of an attempt. Throw to refuse: the call then ends as `failed` with `CONTEXT_REFUSED`, unless it was
   * a `RetryError`. Default: `{}`, where that is a context; required elsewhere.
   */
  readonly restore?: (captured: TCaptured, call: RestoredCall) => TContext | Promise<TContext>;
  /**
   * The router's transformer, if it has one. `bind()` checks that it is the same. Only the types need it: with it, the results
   * of `raincheck.start()` are typed as the resolver returns them; without it, as what JSON may have made of them.
   */
  readonly transformer?: TTransformer;
  /**
   * Where the end of calls can be posted, by names of at most 64 letters, digits, `_`, `-`, `.`: `start(…, { webhook: name })`. The workers of each
   * process that is given an endpoint post to it. Keep a name for as long as messages to it wait. Default: none.
   */
  readonly webhooks?: { readonly [TName in TWebhook]: WebhookEndpoint };
  /** Takes warnings about the application's code. Default: `console.warn`. */
  readonly log?: Log;
}

/** Makes `restore` required where `{}` is not a context: an attempt would find `undefined` where its types say there is something. */
export type RestoreWhereNeeded<TContext extends object, TCaptured> = object extends TContext
  ? unknown
  : { readonly restore: (captured: TCaptured, call: RestoredCall) => TContext | Promise<TContext> };

/** A transformer as tRPC takes it. */
export type AnyTransformer = TRPCCombinedDataTransformer | TRPCDataTransformer;

const knownOptions: readonly string[] = [
  "engine",
  "principal",
  "capture",
  "restore",
  "transformer",
  "webhooks",
  "log",
] satisfies (keyof RaincheckOptions<object, unknown, unknown, unknown>)[];

const engineVerbs = [
  "accept",
  "claim",
  "extend",
  "report",
  "append",
  "settle",
  "commit",
  "transaction",
  "cancel",
  "repeat",
  "read",
  "list",
  "events",
  "subscribe",
] satisfies (keyof Engine)[];

/**
 * Checks the options where they are written.
 *
 * @throws {InvalidOption}
 */
export function checkRaincheckOptions(options: unknown): void {
  if (typeof options !== "object" || options === null)
    throw new InvalidOption("options", options, "an object with at least engine and principal");
  refuseUnknownOptions(options, knownOptions);
  const { engine, principal, capture, restore, transformer, log } = options as Record<string, unknown>;
  const isEngine =
    typeof engine === "object" && engine !== null && engineVerbs.every((verb) => typeof Reflect.get(engine, verb) === "function");
  if (!isEngine) throw new InvalidOption("engine", engine, "an engine, such as postgresEngine() or memoryEngine()");
  if (typeof principal !== "function")
    throw new InvalidOption("principal", principal, "a function of the context that gives a string, or null for anonymous");
  for (const [name, value] of Object.entries({ capture, restore, log })) {
    if (value !== undefined && typeof value !== "function") throw new InvalidOption(name, value, "a function");
  }
  if (transformer !== undefined && (typeof transformer !== "object" || transformer === null) && typeof transformer !== "function") {
    throw new InvalidOption("transformer", transformer, "the transformer that initTRPC.create() was given");
  }
}
