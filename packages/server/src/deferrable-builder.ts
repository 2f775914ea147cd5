/** The types of `raincheck.deferrable()`: what tRPC's builder has, kept, with `ctx.call` added and the procedure branded. */
import type { DeferrableBrand, ResultOf } from "@raincheck/protocol";
import type { TRPCMutationProcedure, TRPCProcedureBuilder, TRPCQueryProcedure, TRPCUnsetMarker } from "@trpc/server";

import type { CallContext } from "./call-context.ts";
import type { Overwrite, Parser, Simplify, inferParser } from "./trpc-internals.ts";

/** What may be committed: what the resolver may return, or what a generator that it returns may. */
type Committed<TOutputIn> = ResultOf<OrElse<TOutputIn, unknown>>;

/** The types that a procedure carries, as tRPC keeps them. */
export interface ProcedureTypes {
  meta: unknown;
  input: unknown;
  output: unknown;
  errorShape?: unknown;
}

/** A deferrable query: to a tRPC client it is a query like any other. */
export interface DeferrableQuery<TTypes extends ProcedureTypes> extends TRPCQueryProcedure<TTypes>, DeferrableBrand {}

/** A deferrable mutation: to a tRPC client it is a mutation like any other. */
export interface DeferrableMutation<TTypes extends ProcedureTypes> extends TRPCMutationProcedure<TTypes>, DeferrableBrand {}

/** A tRPC procedure builder, as it is handed in. */
export type DeferrableInput<TContext, TMeta, TOverrides, TInputIn, TInputOut, TOutput, TErrorShape> = TRPCProcedureBuilder<
  TContext,
  TMeta,
  TOverrides,
  TInputIn,
  TInputOut,
  TOutput,
  TOutput extends TRPCUnsetMarker ? TRPCUnsetMarker : unknown,
  false,
  TErrorShape
>;

/**
 * What a builder must be beside its type, because tRPC's builders of different contexts are assignable to one another: made
 * for a context that `restore` can give to an attempt.
 */
export type OfContext<TContext, $Context> = [TContext] extends [$Context]
  ? unknown
  : "This builder's root has another context than initRaincheck.context<…>() named.";

/** And without an output parser. */
export type WithoutOutput<$Output> = [$Output] extends [TRPCUnsetMarker]
  ? unknown
  : "This builder has an .output() already. Call .output() after deferrable().";

/** What a procedure must be beside its type, for `raincheck.start()`. */
export type OnlyDeferrable<TProcedure> = TProcedure extends DeferrableBrand
  ? unknown
  : "This procedure is not deferrable. Build it with raincheck.deferrable(builder).";

/** What the resolver of a deferrable procedure gets: what tRPC gives to any, and `ctx.call`. */
export interface DeferrableResolverOptions<TContext, TOverrides, TInputOut, TTransaction, TCommitted> {
  /** The context, after the middleware, with `call`. */
  ctx: Simplify<Overwrite<Overwrite<TContext, TOverrides>, { call: CallContext<TTransaction, TCommitted> }>>;
  /** The input, after the validators and any middleware that replaced it. */
  input: TInputOut extends TRPCUnsetMarker ? undefined : TInputOut;
  /**
   * In sync mode it aborts when the client disconnects. In an attempt it aborts when the attempt must stop, with an
   * `AttemptAborted` as its reason.
   */
  signal: AbortSignal | undefined;
  /** The procedure's path, such as `flights.report`. */
  path: string;
  /** The call's zero-based index in its batch; 0 in an attempt. */
  batchIndex?: number;
}

type OrElse<TValue, TFallback> = TValue extends TRPCUnsetMarker ? TFallback : TValue;

type Types<TMeta, TInputIn, TOutput, TErrorShape> = {
  input: OrElse<TInputIn, void>;
  output: TOutput;
  meta: TMeta;
  errorShape: TErrorShape;
};

/** A deferrable procedure that wants its resolver. */
export interface DeferrableFinish<TContext, TMeta, TOverrides, TInputIn, TInputOut, TOutputIn, TOutputOut, TErrorShape, TTransaction> {
  /** Ends the procedure as a query: one that reads. */
  query<$Output>(
    resolver: (
      options: DeferrableResolverOptions<TContext, TOverrides, TInputOut, TTransaction, Committed<TOutputIn>>,
    ) => OrElse<TOutputIn, $Output> | Promise<OrElse<TOutputIn, $Output>>,
  ): DeferrableQuery<Types<TMeta, TInputIn, OrElse<TOutputOut, $Output>, TErrorShape>>;

  /** Ends the procedure as a mutation: one that changes something. */
  mutation<$Output>(
    resolver: (
      options: DeferrableResolverOptions<TContext, TOverrides, TInputOut, TTransaction, Committed<TOutputIn>>,
    ) => OrElse<TOutputIn, $Output> | Promise<OrElse<TOutputIn, $Output>>,
  ): DeferrableMutation<Types<TMeta, TInputIn, OrElse<TOutputOut, $Output>, TErrorShape>>;
}

/** What `raincheck.deferrable()` returns: an output parser may follow, then the resolver. */
export interface DeferrableBuilder<TContext, TMeta, TOverrides, TInputIn, TInputOut, TErrorShape, TTransaction> extends DeferrableFinish<
  TContext,
  TMeta,
  TOverrides,
  TInputIn,
  TInputOut,
  TRPCUnsetMarker,
  TRPCUnsetMarker,
  TErrorShape,
  TTransaction
> {
  /** Checks what the resolver returns, and what `ctx.call.commit()` commits, with any parser that tRPC knows. */
  output<$Parser extends Parser>(
    parser: $Parser,
  ): DeferrableFinish<
    TContext,
    TMeta,
    TOverrides,
    TInputIn,
    TInputOut,
    inferParser<$Parser>["in"],
    inferParser<$Parser>["out"],
    TErrorShape,
    TTransaction
  >;
}
