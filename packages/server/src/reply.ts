/** The types of `raincheck.replies()`: what a consumer is told, by the procedure whose calls it hears of. */
import type { CallId, DeferrableBrand, Failure, PolicyOptions, ResultOf } from "@raincheck/protocol";
import type { AnyTRPCProcedure, AnyTRPCRouter, TRPCRouterRecord, inferProcedureOutput } from "@trpc/server";

import type { KeptOutput } from "./raincheck.ts";

interface Ended {
  /** The id of the call that ended: what `raincheck.start()` gave. */
  readonly id: CallId;
  /** Its procedure's path. */
  readonly path: string;
  /** Who owns it; `null`: anonymous. */
  readonly principal: string | null;
  /** The call that it was made of, by a retry or a replay; `null`: none. */
  readonly repeats: CallId | null;
  /** The number of its last attempt; 0: it had none. */
  readonly attempt: number;
  readonly endedAt: Date;
}

/** How a call ended. */
export type Reply<TOutput = unknown> = Ended &
  (
    | { readonly state: "succeeded"; readonly output: TOutput }
    | { readonly state: "failed" | "expired"; readonly failure: Failure }
    | {
        readonly state: "cancelled";
        /** What the canceller said; `null` if nothing. */
        readonly cancelReason: string | null;
      }
  );

/** What a consumer is handed beside the reply. */
export interface ReplyContext<TTransaction> {
  /** The transaction that the reply is done with: what is written in it is there if and when the reply will not come again. */
  readonly tx: TTransaction;
  /** Aborts at the time limit, a lost lease and a shutdown, with an `AttemptAborted` as its reason. */
  readonly signal: AbortSignal;
  /** Which attempt at this reply it is, from 1. */
  readonly attempt: number;
}

/** Takes a reply. It throws, and comes again by the retry policy, `FinalError` and `RetryError` included. */
export type ReplyHandler<TReply, TTransaction> = (reply: TReply, context: ReplyContext<TTransaction>) => unknown;

/** What `raincheck.replies()` takes beside the handlers. */
export type ReplyOptions = Pick<PolicyOptions, "timeout" | "retry">;

/** A router's handlers, by the paths of its deferrable procedures; any path, where the router is not named. */
export type ReplyHandlers<TRouter extends AnyTRPCRouter, TTransaction, TTransformer> = AnyTRPCRouter extends TRouter
  ? { readonly [path: string]: ReplyHandler<Reply, TTransaction> }
  : {
      readonly [TPath in DeferrablePath<TRouter["_def"]["record"]>]?: ReplyHandler<
        Reply<KeptOutput<OutputAt<TRouter["_def"]["record"], TPath>, TTransformer>>,
        TTransaction
      >;
    };

/** The paths of a record's deferrable procedures. */
export type DeferrablePath<TRecord> = {
  [TKey in keyof TRecord & string]: TRecord[TKey] extends AnyTRPCProcedure
    ? TRecord[TKey] extends DeferrableBrand
      ? TKey
      : never
    : TRecord[TKey] extends TRPCRouterRecord
      ? `${TKey}.${DeferrablePath<TRecord[TKey]>}`
      : never;
}[keyof TRecord & string];

/** What the procedure at a path results in: a streaming one in what it returns. */
export type OutputAt<TRecord, TPath extends string> = TPath extends keyof TRecord
  ? TRecord[TPath] extends AnyTRPCProcedure
    ? ResultOf<inferProcedureOutput<TRecord[TPath]>>
    : never
  : TPath extends `${infer $Key}.${infer $Rest}`
    ? $Key extends keyof TRecord
      ? OutputAt<TRecord[$Key], $Rest>
      : never
    : never;
