/** Types only: what a client can defer, inferred from the router's type. */
import type { CallId, DeferrableBrand, Duration, HandleJson, ResultOf, StartOptions, YieldOf } from "@raincheck/protocol";
import type {
  AnyTRPCProcedure,
  AnyTRPCRouter,
  inferProcedureInput,
  inferTransformedProcedureOutput,
  inferTRPCClientTypes,
  TRPCQueryProcedure,
  TRPCRouterRecord,
} from "@trpc/server";
import type { Handle } from "./handle.ts";

/** What the caller may say about one deferred call. */
export interface DeferOptions extends StartOptions {
  /**
   * Aborts the start: it rejects with the signal's reason, and the call may or may not have been accepted. Has no effect on
   * the handle that was returned.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Whichever came first: the output, or the end of the caller's patience. */
export type FirstOf<TOutput, TProgress = unknown, TYield = never> =
  | { readonly done: true; readonly output: TOutput }
  | { readonly done: false; readonly handle: Handle<TOutput, TProgress, TYield> };

/** A deferrable procedure, as a defer client has it. */
export interface DeferProcedure<TInput, TOutput, TProgress = unknown, TYield = never> {
  /**
   * Starts a call and resolves with its handle as soon as the server has accepted it.
   *
   * A start that gets no answer is repeated, at most three times, with the same idempotency key, so it starts one call.
   *
   * @throws `TRPCClientError` when the server refuses: invalid input, not allowed, `CONFLICT` for a key with another input.
   */
  (input: TInput, options?: DeferOptions): Promise<Handle<TOutput, TProgress, TYield>>;

  /**
   * Starts a call and waits for its end for a while, the start included.
   *
   * @param wait how long, such as `"2 seconds"`.
   * @throws what {@link Handle.result} throws, when the call ends within the wait otherwise than with an output.
   */
  within(wait: Duration, input: TInput, options?: DeferOptions): Promise<FirstOf<TOutput, TProgress, TYield>>;

  /**
   * The handle of a call that was started before, here or elsewhere. Asks the server nothing yet.
   *
   * @param handle a call's id, a handle's JSON, or its string.
   * @throws {InvalidOption} when it is none of these, or a handle of another procedure.
   */
  attach(handle: CallId | HandleJson): Handle<TOutput, TProgress, TYield>;
}

/** A tRPC client's deferrable procedures, and the nested routers that hold any. */
export type DeferClient<TRouter extends AnyTRPCRouter> = DeferRecord<inferTRPCClientTypes<TRouter>, TRouter["_def"]["record"]>;

type DeferRecord<TRoot extends ClientTypes, TRecord extends TRPCRouterRecord> = {
  [TKey in keyof TRecord as HoldsDeferrable<TRecord[TKey]> extends true ? TKey : never]: TRecord[TKey] extends infer $Value
    ? $Value extends AnyTRPCProcedure & DeferrableBrand<infer $Progress>
      ? inferTransformedProcedureOutput<TRoot, $Value> extends infer $Output
        ? DeferProcedure<inferProcedureInput<$Value>, ResultOf<$Output>, OverTheWire<TRoot, $Progress>, YieldOf<$Output>>
        : never
      : $Value extends TRPCRouterRecord
        ? DeferRecord<TRoot, $Value>
        : never
    : never;
};

type ClientTypes = { transformer: boolean; errorShape: unknown };

type HoldsDeferrable<TValue> = TValue extends AnyTRPCProcedure
  ? TValue extends DeferrableBrand
    ? true
    : false
  : TValue extends TRPCRouterRecord
    ? true extends { [TKey in keyof TValue]: HoldsDeferrable<TValue[TKey]> }[keyof TValue]
      ? true
      : false
    : false;

/** A value as the client gets it, through the transformer or through JSON: tRPC knows it for outputs, so it is asked for one. */
type OverTheWire<TRoot extends ClientTypes, TValue> = inferTransformedProcedureOutput<
  TRoot,
  TRPCQueryProcedure<{ meta: unknown; input: void; output: TValue }>
>;
