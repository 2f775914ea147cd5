/** The `calls` procedures: how clients start, watch, read and cancel calls, behind the application's own middleware. */
import {
  type CallPage,
  type CallSnapshot,
  type CancelRequest,
  type CancelResult,
  type Duration,
  type GetRequest,
  InvalidOption,
  type ListRequest,
  type ReplayRequest,
  type RetryRequest,
  type StartRequest,
  type StartedCall,
  type WaitRequest,
  type WatchMessage,
  type WatchRequest,
  limits,
  refuseUnknownOptions,
  toMs,
} from "@raincheck/protocol";
import type { Reader } from "@raincheck/engine";
import type {
  TRPCMutationProcedure,
  TRPCProcedureBuilder,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
  TRPCUnsetMarker,
} from "@trpc/server";

import { callNotFound, readerOf } from "./access.ts";
import { awaitEnd } from "./await-end.ts";
import { toSnapshot, withoutOutput } from "./decode-call.ts";
import {
  parseCancelRequest,
  parseGetRequest,
  parseListRequest,
  parseReplayRequest,
  parseRetryRequest,
  parseStartRequest,
  parseWaitRequest,
  parseWatchRequest,
} from "./parse-requests.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import { repeatCall } from "./repeat-call.ts";
import { startCall } from "./start-call.ts";
import { forCaller } from "./to-trpc-error.ts";
import type { Recheck } from "./recheck-access.ts";
import { isProcedureBuilder, runProcedure } from "./trpc-internals.ts";
import { watchCalls } from "./watch-calls.ts";

/** A tracked event as a client gets it. */
interface Tracked<TData> {
  id: string;
  data: TData;
}

interface Types<TInput, TOutput, TMeta, TErrorShape> {
  input: TInput;
  output: TOutput;
  meta: TMeta;
  errorShape: TErrorShape;
}

/** What `raincheck.calls()` gives, for `t.router({ calls: … })`. An alias, because tRPC takes no interface for a record of procedures. */
export type CallsProcedures<TMeta = unknown, TErrorShape = unknown> = {
  /** Starts a call of a deferrable procedure by its path. */
  start: TRPCMutationProcedure<Types<StartRequest, StartedCall, TMeta, TErrorShape>>;
  /** The events of some calls, as they happen, until all have ended. */
  watch: TRPCSubscriptionProcedure<Types<WatchRequest, AsyncIterable<Tracked<WatchMessage>, void, undefined>, TMeta, TErrorShape>>;
  /** A call as it is now. */
  get: TRPCQueryProcedure<Types<GetRequest, CallSnapshot, TMeta, TErrorShape>>;
  /** A call when it has ended, or as it is when the time is up. */
  wait: TRPCQueryProcedure<Types<WaitRequest, CallSnapshot, TMeta, TErrorShape>>;
  /** The principal's own calls, the newest first. */
  list: TRPCQueryProcedure<Types<ListRequest | undefined, CallPage, TMeta, TErrorShape>>;
  /** Ends an open call as `cancelled`. */
  cancel: TRPCMutationProcedure<Types<CancelRequest, CancelResult, TMeta, TErrorShape>>;
  /** Makes one new call of a call that failed or expired; the same one, however often it is asked. */
  retry: TRPCMutationProcedure<Types<RetryRequest, StartedCall, TMeta, TErrorShape>>;
  /** Makes a new call of a call that has ended. */
  replay: TRPCMutationProcedure<Types<ReplayRequest, StartedCall, TMeta, TErrorShape>>;
};

/** A tRPC procedure builder that `calls()` takes: middleware, but neither input nor output parser. */
export type CallsBuilder<TContext, TMeta, TOverrides, TErrorShape> = TRPCProcedureBuilder<
  TContext,
  TMeta,
  TOverrides,
  TRPCUnsetMarker,
  TRPCUnsetMarker,
  TRPCUnsetMarker,
  TRPCUnsetMarker,
  false,
  TErrorShape
>;

/** Options of `raincheck.calls()`. */
export interface CallsOptions {
  /**
   * How often a watch that lasts asks the application again whether its client may still watch: the middleware of the `calls` procedures
   * runs once more, with the context that it made, and `principal` after it. What they throw ends the watch. `false`: only when a
   * client connects. Default `"30 seconds"`.
   */
  readonly recheck?: Duration | false | undefined;
}

const defaultListLimit = 20;

/** What a timer can hold: 2^31 - 1 milliseconds. */
const maxTimerMs = 2_147_483_647;

/** Builds the `calls` procedures. */
export function callsProcedures<TMeta, TErrorShape>(
  core: RaincheckCore,
  builder: CallsBuilder<object, TMeta, object, TErrorShape>,
  options: CallsOptions = {},
): CallsProcedures<TMeta, TErrorShape> {
  if (!isProcedureBuilder(builder))
    throw new InvalidOption("builder", builder, "a tRPC procedure builder, such as t.procedure.use(requireUser)");
  const recheckMs = recheckMsOf(options);
  const { engine } = core;
  const outputCodec = () => core.bound().codecs.output;

  /** Nobody calls it over the wire: it is the middleware, and who asks behind it. */
  const whoAsks = builder.query(({ ctx }) => readerOf(core, ctx));
  const recheckOf = (watch: { readonly ctx: object; readonly path: string; readonly signal: AbortSignal | undefined }): Recheck => ({
    // Sooner than said, by up to a fifth: clients that came together are not asked for together. Timers of equal length share a list.
    pauseMs: () => Math.ceil((recheckMs ?? 0) * (1 - Math.floor(Math.random() * 20) / 100)),
    check: () => runProcedure(whoAsks, { ...watch, getRawInput: async () => undefined }) as Promise<Reader>,
  });

  const procedures: CallsProcedures<TMeta, TErrorShape> = {
    start: builder.input(parseStartRequest).mutation(async ({ ctx, input, signal }) => {
      const { path, options = {} } = input;
      const { call } = await startCall(core, {
        path,
        input: input.input,
        options,
        ctx,
        signal,
        transaction: undefined,
        replyQueues: [],
        listen: false,
      });
      // A copy: an answer of this procedure is its output, not an accepted call of its own.
      return { ...call };
    }),

    watch: builder.input(parseWatchRequest).subscription(({ ctx, input, path, signal }) => {
      const recheck = recheckMs === null ? undefined : recheckOf({ ctx, path, signal });
      return watchCalls(core, { input, reader: readerOf(core, ctx), recheck, signal });
    }),

    get: builder.input(parseGetRequest).query(async ({ ctx, input }) => {
      const record = await forCaller(() => engine.read(input.id, readerOf(core, ctx)));
      if (record === null) throw callNotFound();
      const snapshot = toSnapshot(record, outputCodec());
      if (record.endedAt === null) core.openAnswers.add(snapshot);
      return snapshot;
    }),

    wait: builder.input(parseWaitRequest).query(async ({ ctx, input, signal }) => {
      const { id, timeoutMs = limits.waitMs } = input;
      const record = await forCaller(() => awaitEnd(core.reads, id, { reader: readerOf(core, ctx), timeoutMs, signal }));
      if (record === null) throw callNotFound();
      return toSnapshot(record, outputCodec());
    }),

    list: builder.input(parseListRequest).query(async ({ ctx, input }) => {
      const { path = null, state = null, cursor = null, limit = defaultListLimit } = input;
      const page = await forCaller(() => engine.list(readerOf(core, ctx), { path, state, cursor, limit }));
      return { calls: page.calls.map((record) => withoutOutput(record, outputCodec())), nextCursor: page.nextCursor };
    }),

    cancel: builder.input(parseCancelRequest).mutation(async ({ ctx, input }) => {
      const { id, reason = null } = input;
      const cancellation = await forCaller(() => engine.cancel(id, readerOf(core, ctx), reason));
      if (cancellation === null) throw callNotFound();
      return cancellation;
    }),

    retry: builder
      .input(parseRetryRequest)
      .mutation(
        async ({ ctx, input }) => (await repeatCall(core, { id: input.id, by: { type: "retry" }, reader: readerOf(core, ctx) })).call,
      ),

    replay: builder.input(parseReplayRequest).mutation(async ({ ctx, input }) => {
      const { id, idempotencyKey: key = null } = input;
      // As often as the client likes: reply queues and webhooks are the server's to write to.
      return (await repeatCall(core, { id, by: { type: "replay", key }, reader: readerOf(core, ctx), replyQueues: [] })).call;
    }),
  };
  core.getProcedures.add(procedures.get);
  return procedures;
}

function recheckMsOf(options: CallsOptions): number | null {
  if (typeof options !== "object" || options === null) throw new InvalidOption("options", options, "an object of options");
  refuseUnknownOptions(options, ["recheck"]);
  const { recheck = "30 seconds" } = options;
  if (recheck === false) return null;
  const ms = toMs(recheck, "recheck");
  if (ms < 1 || ms > maxTimerMs) throw new InvalidOption("recheck", recheck, "1 millisecond to 24 days, or false");
  return ms;
}
