import { randomUUID } from "node:crypto";

import { type RepeatKind, replyPlace } from "@raincheck/engine";
import { type CallId, InvalidOption, type PolicyOptions, queueName, refuseUnknownOptions } from "@raincheck/protocol";
import type { AnyTRPCRouter } from "@trpc/server";

import { readerOf } from "./access.ts";
import { type BoundRouter, boundRouter } from "./bound-router.ts";
import { type CallHandle, callHandle } from "./call-handle.ts";
import { type CallsBuilder, type CallsOptions, callsProcedures } from "./calls.ts";
import { deferrable } from "./deferrable.ts";
import type { DeferrableBuilder, DeferrableInput } from "./deferrable-builder.ts";
import { describeError } from "./describe-error.ts";
import { describeResponse, httpContext } from "./http.ts";
import { invoke } from "./invoke.ts";
import { replyPolicyAt } from "./invoke-reply.ts";
import { guardedLog, logToConsole } from "./log.ts";
import type { InProcessStartOptions, Raincheck } from "./raincheck.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import { type RaincheckOptions, type RestoreWhereNeeded, checkRaincheckOptions } from "./raincheck-options.ts";
import { repeatCall } from "./repeat-call.ts";
import { consumeReplies } from "./reply-queue.ts";
import { sharedReads } from "./shared-reads.ts";
import { pathOfProcedure, startCall } from "./start-call.ts";
import { checkedKey, startOptionNames } from "./start-options.ts";
import { isRouter, pingSubscriptions, transformerOfRouter } from "./trpc-internals.ts";
import { forCaller } from "./to-trpc-error.ts";
import { webhookConnections } from "./webhooks/connections.ts";
import { resolveEndpoints } from "./webhooks/endpoint.ts";
import { requireWebhook, webhookOf } from "./webhooks/webhook.ts";

/** Takes the options of a raincheck whose context is known. */
export interface RaincheckCreator<TContext extends object> {
  /** @throws {InvalidOption} for anything that is not as `RaincheckOptions` says. */
  create<TTransaction, TCaptured = null, TTransformer = undefined, TCallerTransaction = TTransaction, TWebhook extends string = never>(
    options: RaincheckOptions<TContext, TTransaction, TCaptured, TTransformer, TCallerTransaction, TWebhook> &
      RestoreWhereNeeded<TContext, TCaptured>,
  ): Raincheck<TContext, TTransaction, TTransformer, TCallerTransaction, TWebhook>;
}

/** The context that `context<…>()` names: itself, or what a `createContext` function makes. */
export type ContextOf<TContext extends object> = TContext extends (...args: never[]) => infer $Made ? Awaited<$Made> & object : TContext;

/** Where a raincheck begins: `initRaincheck.context<Context>().create({ engine, principal })`. */
export const initRaincheck = {
  /** @typeParam TContext the application's tRPC context, or the type of its `createContext`. */
  context: <TContext extends object>(): RaincheckCreator<ContextOf<TContext>> => ({
    create(options) {
      checkRaincheckOptions(options);
      return createRaincheck(options);
    },
  }),
};

function createRaincheck<TContext extends object, TTransaction, TCaptured, TTransformer, TCallerTransaction, TWebhook extends string>(
  options: RaincheckOptions<TContext, TTransaction, TCaptured, TTransformer, TCallerTransaction, TWebhook>,
): Raincheck<TContext, TTransaction, TTransformer, TCallerTransaction, TWebhook> {
  let bound: BoundRouter | null = null;
  const core: RaincheckCore = {
    engine: options.engine,
    reads: sharedReads(options.engine),
    principal: (context: TContext) => options.principal(context),
    capture: (context: TContext) => (options.capture === undefined ? null : options.capture(context)),
    restore: (captured: TCaptured, call) => (options.restore === undefined ? {} : options.restore(captured, call)),
    log: guardedLog(options.log ?? logToConsole),
    newCallId: randomUUID,
    newErrorId: randomUUID,
    now: Date.now,
    bound() {
      if (bound === null)
        throw new Error(
          "This raincheck has no router yet. Call raincheck.bind(appRouter) where the root router is built, and import that module before calls are made.",
        );
      return bound;
    },
    isBound: () => bound !== null,
    engineErrors: new WeakSet(),
    transactionErrors: new WeakSet(),
    acceptedAnswers: new WeakSet(),
    openAnswers: new WeakSet(),
    replyConsumers: new Map(),
    hasWorker: false,
    webhooks: resolveEndpoints(options.webhooks),
    webhookConnections: webhookConnections(),
    getProcedures: new Set(),
  };

  async function repeatOf(
    procedure: unknown,
    id: CallId,
    { by, ctx }: { readonly by: RepeatKind; readonly ctx: object },
  ): Promise<CallHandle<never, never>> {
    const path = await pathOfProcedure(core, procedure);
    return callHandle(core, await repeatCall(core, { id, by, path, reader: readerOf(core, ctx) })) as CallHandle<never, never>;
  }

  return {
    deferrable<$Context, TMeta, TOverrides, TInputIn, TInputOut, $Output, TErrorShape>(
      builder: DeferrableInput<$Context, TMeta, TOverrides, TInputIn, TInputOut, $Output, TErrorShape>,
      policy?: PolicyOptions,
    ) {
      // The one place where the types of a resolver meet the untyped way in which tRPC calls it.
      return deferrable(core, builder, policy) as unknown as DeferrableBuilder<
        $Context,
        TMeta,
        TOverrides,
        TInputIn,
        TInputOut,
        TErrorShape,
        TTransaction
      >;
    },
    bind(router) {
      if (!isRouter(router)) throw new InvalidOption("router", router, "the application's root router, as t.router() returns it");
      if (bound !== null)
        throw new Error(
          bound.router === router
            ? "raincheck.bind() was called twice with the same router."
            : "raincheck.bind() was called with a second router. Bind the root router once; it holds the others.",
        );
      checkTransformer(router, options.transformer);
      bound = boundRouter(router);
      pingSubscriptions(router, { intervalMs: 15_000, reconnectAfterMs: 40_000 });
      return router;
    },
    calls<$Context, TMeta, TOverrides, TErrorShape>(
      builder: CallsBuilder<$Context, TMeta, TOverrides, TErrorShape>,
      callsOptions?: CallsOptions,
    ) {
      return callsProcedures(core, builder as unknown as CallsBuilder<object, TMeta, object, TErrorShape>, callsOptions);
    },
    async start(procedure, input, options) {
      const { ctx, transaction, signal, reply, webhook, ...startOptions } = withContext(options);
      await forCaller(async () => refuseUnknownOptions(startOptions, [...startOptionNames, ...inProcessOptions], "options."));
      const path = await pathOfProcedure(core, procedure);
      const replyQueues = [
        ...(reply === undefined ? [] : [replyPlace(queueName(reply?.queue, "options.reply.queue")).queue]),
        ...(webhook === undefined ? [] : [replyPlace(requireWebhook(core, webhook, "options.webhook").name, "webhook").queue]),
      ];
      const accepted = await startCall(core, { path, input, options: startOptions, ctx, signal, transaction, replyQueues, listen: true });
      return callHandle(core, accepted) as CallHandle<never, never>;
    },
    async retry(procedure, id, options) {
      return repeatOf(procedure, id, { by: { type: "retry" }, ctx: withContext(options).ctx });
    },
    async replay(procedure, id, options) {
      const { ctx, idempotencyKey } = withContext(options);
      return repeatOf(procedure, id, { by: { type: "replay", key: checkedKey(idempotencyKey, "options.idempotencyKey") }, ctx });
    },
    webhook: (name) => webhookOf(core, name),
    replies: (queue, handlers, options) => consumeReplies(core, queue, { handlers, options }),
    http: httpContext,
    responseMeta: (meta) => describeResponse(core, meta),
    "~raincheck": {
      engine: core.engine,
      checkBound: () => void core.bound(),
      replyQueues() {
        core.hasWorker = true;
        return Array.from(core.replyConsumers.keys(), (queue) => replyPlace(queue).queue);
      },
      webhookQueues: () => Array.from(core.webhooks.keys(), (name) => replyPlace(name, "webhook").queue),
      policyAt: async (path) => replyPolicyAt(core, path) ?? (await core.bound().find(path))?.mark.policy ?? null,
      invoke: (call, invokeOptions) => invoke(core, call, invokeOptions),
      describe: (error) => describeError(error, core),
    },
  };
}

/** What `start()` takes beside the {@link startOptionNames}. */
const inProcessOptions = ["ctx", "transaction", "signal", "reply", "webhook"] satisfies (keyof InProcessStartOptions<object, unknown>)[];

/** Without types, nothing else would say that there is no context: the application's own functions would be blamed for it. */
function withContext<TOptions extends { readonly ctx: object }>(options: TOptions | undefined): TOptions {
  const ctx: unknown = options?.ctx;
  if (options !== undefined && typeof ctx === "object" && ctx !== null) return options;
  const expected =
    "the context that the call is made with: a resolver's ctx, or what createContext gives; {} in an application without one";
  throw new InvalidOption("options.ctx", ctx, expected);
}

function checkTransformer(router: AnyTRPCRouter, given: unknown): void {
  if (given === undefined) return;
  const actual = transformerOfRouter(router);
  if (actual === given || (actual !== null && actual.input === given && actual.output === given)) return;
  throw new InvalidOption("transformer", given, "the same transformer that initTRPC.create() was given for the bound router");
}
