/** What is posted to a webhook's endpoint: the payload of Standard Webhooks, `{ type, timestamp, data }`. */
import type { CallId, Failure } from "@raincheck/protocol";
import type { AnyTRPCRouter } from "@trpc/server";

import type { DeferrablePath, OutputAt } from "../reply.ts";
import type { KeptOutput } from "../raincheck.ts";

interface Told<TPath extends string> {
  /** The call that ended: what `raincheck.start()` gave. It is the message's `webhook-id` too, so it is the same at each try, and at each replay. */
  readonly id: CallId;
  /** Its procedure's path. */
  readonly path: TPath;
  /** The call that it was made of, by a retry or a replay; `null`: none. */
  readonly repeats: CallId | null;
  /** The number of its last attempt; 0: it had none. */
  readonly attempt: number;
}

/** What each message has. */
interface Envelope<TType extends string, TData> {
  readonly type: TType;
  /** When the call ended: ISO 8601. */
  readonly timestamp: string;
  readonly data: TData;
}

/** How a call ended, as a webhook's receiver is told. */
export type WebhookMessageOf<TOutput = unknown, TPath extends string = string> =
  | Envelope<
      "call.succeeded",
      Told<TPath> &
        (
          | { readonly output: TOutput; readonly isOutputOmitted: false }
          /** The output is longer than the endpoint's `maxBytes`: ask for it with `calls.get`. */
          | { readonly output?: undefined; readonly isOutputOmitted: true }
        )
    >
  | Envelope<"call.failed" | "call.expired", Told<TPath> & { readonly failure: Failure }>
  | Envelope<
      "call.cancelled",
      Told<TPath> & {
        /** What the canceller said; `null` if nothing. */
        readonly cancelReason: string | null;
      }
    >;

/** The messages of a router's deferrable procedures; of any, where the router is not named. */
export type WebhookMessage<TRouter extends AnyTRPCRouter = AnyTRPCRouter, TTransformer = undefined> = AnyTRPCRouter extends TRouter
  ? WebhookMessageOf
  : {
      [TPath in DeferrablePath<TRouter["_def"]["record"]>]: WebhookMessageOf<
        KeptOutput<OutputAt<TRouter["_def"]["record"], TPath>, TTransformer>,
        TPath
      >;
    }[DeferrablePath<TRouter["_def"]["record"]>];
