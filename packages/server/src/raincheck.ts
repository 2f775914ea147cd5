import type { CallId, PolicyOptions, ResultOf, StartOptions, YieldOf } from "@raincheck/protocol";
import type { AnyTRPCProcedure, AnyTRPCRouter, inferProcedureInput, inferProcedureOutput } from "@trpc/server";

import type { CallHandle } from "./call-handle.ts";
import type { CallsBuilder, CallsOptions, CallsProcedures } from "./calls.ts";
import type { DeferrableBuilder, DeferrableInput, OfContext, OnlyDeferrable, WithoutOutput } from "./deferrable-builder.ts";
import type { HttpContext, HttpRequest, ResponseMeta, ResponseMetaOptions } from "./http.ts";
import type { AnyTransformer } from "./raincheck-options.ts";
import type { ReplyHandlers, ReplyOptions } from "./reply.ts";
import type { ReplyQueue } from "./reply-queue.ts";
import type { RaincheckRuntime } from "./runtime.ts";
import type { Serialize } from "./trpc-internals.ts";
import type { Webhook } from "./webhooks/webhook.ts";

/**
 * What a procedure returned, as it comes back from the ledger. With the transformer given to `create()`: as it was. Without:
 * as it was if it is JSON already; else either that or what JSON makes of it, because the type of a procedure does not tell
 * whether its router has a transformer.
 */
export type KeptOutput<TOutput, TTransformer> = unknown extends TOutput
  ? TOutput
  : [TTransformer] extends [AnyTransformer]
    ? TOutput
    : [TOutput] extends [Serialize<TOutput>]
      ? TOutput
      : TOutput | Serialize<TOutput>;

/** The handle of a procedure's call: of a streaming one with what it yields, and what it returns. */
type HandleOf<TProcedure extends AnyTRPCProcedure, TTransformer> = CallHandle<
  KeptOutput<ResultOf<inferProcedureOutput<TProcedure>>, TTransformer>,
  KeptOutput<YieldOf<inferProcedureOutput<TProcedure>>, TTransformer>
>;

/** What `raincheck.start()` takes beside procedure and input. */
export interface InProcessStartOptions<TContext extends object, TCallerTransaction, TWebhook extends string = never> extends StartOptions {
  /**
   * The context that the call is made with: the procedure's middleware runs with it, and its principal owns the call. With the context
   * of an attempt (a resolver's `ctx`, or a copy of it) the call is a child of the attempt's: see `detached`.
   */
  readonly ctx: TContext;
  /**
   * The caller's own open transaction: the call exists if and when it commits. With `postgresEngine()`: what `sql.begin()` of postgres.js
   * hands its function, or `fromDrizzle(tx, sql)`, `fromKysely(trx)`, `fromKnex(trx)`, `fromPrisma(tx)`. Default: that of
   * `ctx.call.commit()`, while it is open.
   */
  readonly transaction?: TCallerTransaction;
  /**
   * The end of the call is told to the consumers of this queue: see {@link Raincheck.replies}. The reply is written in the commit that ends
   * the call, whatever ends it. A call that is found by its idempotency key keeps the queue that it was started with. Default: none.
   */
  readonly reply?: { readonly queue: string } | undefined;
  /**
   * The end of the call is posted to this endpoint, one of `webhooks` of `create()`, as Standard Webhooks: signed, and tried again under the same
   * `webhook-id`, which is the call's id, until it is taken. What is to be posted is written in the commit that ends the call. A call that is found by its idempotency key keeps what it
   * was started with. Default: none.
   */
  readonly webhook?: TWebhook | undefined;
  /** What the procedure's middleware gets as `signal`. It does not end the call. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What `initRaincheck.context<Context>().create()` returns.
 *
 * @typeParam TContext the application's tRPC context.
 * @typeParam TTransaction what the engine hands to `ctx.call.commit`'s function.
 * @typeParam TTransformer the router's transformer, if `create()` was given it.
 * @typeParam TCallerTransaction what `start()` takes as the caller's own transaction.
 * @typeParam TWebhook the names of the endpoints that `create()` was given.
 */
export interface Raincheck<
  TContext extends object,
  TTransaction,
  TTransformer = undefined,
  TCallerTransaction = TTransaction,
  TWebhook extends string = never,
> {
  /**
   * Makes a procedure deferrable: give it a procedure builder, then an output parser if there is one, then the resolver.
   *
   * @param builder any tRPC procedure builder without an output parser.
   * @param policy time limits, retries, queue, retention; every default is in `PolicyOptions`.
   * @throws {InvalidOption} for a bad policy.
   */
  deferrable<$Context, TMeta, TOverrides, TInputIn, TInputOut, $Output, TErrorShape>(
    builder: DeferrableInput<$Context, TMeta, TOverrides, TInputIn, TInputOut, $Output, TErrorShape> &
      OfContext<TContext, $Context> &
      WithoutOutput<$Output>,
    policy?: PolicyOptions,
  ): DeferrableBuilder<$Context, TMeta, TOverrides, TInputIn, TInputOut, TErrorShape, TTransaction>;

  /**
   * Tells the raincheck where its procedures are; once, with the application's root router. If that says nothing of pings over SSE
   * (`sse: { ping }` in `initTRPC.create()`), they are sent every 15 seconds, so that no proxy takes an idle subscription for a dead one,
   * and a client that misses two of them connects again.
   *
   * @returns the same router.
   * @throws {Error} when a router was bound before. @throws {InvalidOption} when it is not a router, or has another transformer.
   */
  bind<TRouter extends AnyTRPCRouter>(router: TRouter): TRouter;

  /**
   * The procedures for `t.router({ calls: raincheck.calls(authed) })`, behind the builder's middleware.
   *
   * @param builder a procedure builder with middleware only.
   */
  calls<$Context, TMeta, TOverrides, TErrorShape>(
    builder: CallsBuilder<$Context, TMeta, TOverrides, TErrorShape> & OfContext<TContext, $Context>,
    options?: CallsOptions,
  ): CallsProcedures<TMeta, TErrorShape>;

  /**
   * Starts a call in this process, behind the same middleware and validation as over the wire.
   *
   * @throws {TRPCError} what the middleware throws; `BAD_REQUEST`, `PAYLOAD_TOO_LARGE`, `CONFLICT`, `TOO_MANY_REQUESTS`,
   *   `SERVICE_UNAVAILABLE`; `INTERNAL_SERVER_ERROR` with `TransactionRefused` as its cause for a `transaction` that is none.
   * @throws the error of your own database library, as it is, when a statement fails in the `transaction` that was given.
   * @throws {StaleAttempt} when `ctx` is that of an attempt which has lost, or has ended, its call; nothing was stored.
   * @throws {TypeError} when it is not a deferrable procedure of the bound router. @throws {InvalidOption} without a `ctx`.
   */
  start<TProcedure extends AnyTRPCProcedure>(
    procedure: TProcedure & OnlyDeferrable<TProcedure>,
    input: inferProcedureInput<TProcedure>,
    options: InProcessStartOptions<TContext, TCallerTransaction, TWebhook>,
  ): Promise<HandleOf<TProcedure, TTransformer>>;

  /**
   * Makes one new call of a dead letter, a call that failed or expired: of the same input, in the same captured context, by the
   * procedure's policy of now. The dead letter stays as it ended. Asked again, it gives the same call, for as long as that is kept.
   *
   * @param id of a call of this procedure that the principal of `ctx` may see.
   * @throws {TRPCError} `NOT_FOUND`, or `CONFLICT` when the call has not ended, was cancelled, or has succeeded; and as `start`.
   */
  retry<TProcedure extends AnyTRPCProcedure>(
    procedure: TProcedure & OnlyDeferrable<TProcedure>,
    id: CallId,
    options: { readonly ctx: TContext },
  ): Promise<HandleOf<TProcedure, TTransformer>>;

  /**
   * Makes a new call of one that has ended, however it did; otherwise as {@link Raincheck.retry}.
   *
   * @param options.idempotencyKey the same key of the same call gives the same replay. Default: none, always a new one.
   */
  replay<TProcedure extends AnyTRPCProcedure>(
    procedure: TProcedure & OnlyDeferrable<TProcedure>,
    id: CallId,
    options: { readonly ctx: TContext; readonly idempotencyKey?: string },
  ): Promise<HandleOf<TProcedure, TTransformer>>;

  /**
   * Says who takes the replies of a queue: what `start(…, { reply: { queue } })` asks for, in any process of the same database. The workers of
   * this process take them, so call it before `runWorker()`. A handler runs in a transaction of its own; when it throws, that is rolled
   * back, and the reply comes again by the retry policy, until it is a dead letter.
   *
   * @typeParam TRouter name it (`raincheck.replies<AppRouter>(…)`), and each reply has the type of its procedure's output.
   * @param queue letters, digits, `_`, `-`, `.`; at most 64 characters. Each may be given once.
   * @param handlers by the path of the procedure whose calls they hear of. A reply whose path no worker has a handler for waits as a call does
   *   whose procedure no worker has.
   * @param options.timeout the longest one attempt at a reply may run. Default `"15 minutes"`.
   * @param options.retry as in a policy.
   * @throws {InvalidOption} for anything that is not so. @throws {Error} when a worker of this raincheck runs already.
   */
  replies<TRouter extends AnyTRPCRouter = AnyTRPCRouter>(
    queue: string,
    handlers: ReplyHandlers<TRouter, TTransaction, TTransformer>,
    options?: ReplyOptions,
  ): ReplyQueue;

  /**
   * What became of the messages to an endpoint, and how one is posted again.
   *
   * @throws {InvalidOption} for a name that `create()` was not given.
   */
  webhook(name: TWebhook): Webhook;

  /**
   * Reads `Prefer: respond-async`, `wait=N` and `Idempotency-Key` of a request, to be spread into the context:
   * `createContext: ({ req }) => ({ ...raincheck.http(req), user })`.
   */
  http(request: HttpRequest): HttpContext;

  /** tRPC's `responseMeta`: `202`, `Location`, `Preference-Applied` and `Retry-After` for an accepted call, `Retry-After` for one that is read and open. */
  responseMeta(options: ResponseMetaOptions): ResponseMeta;

  /** What a worker needs. */
  readonly "~raincheck": RaincheckRuntime;
}
