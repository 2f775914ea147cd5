import type { Operation, OperationLink, TRPCLink } from "@trpc/client";
import type { AnyTRPCRouter } from "@trpc/server";
import { InvalidOption } from "@raincheck/protocol";
import { toClientError } from "./client-error.ts";
import { createHandle } from "./handle.ts";
import { handleMaker } from "./handle-maker.ts";
import { observableOf } from "./observable.ts";
import { startCall } from "./start-call.ts";
import { streamOf } from "./stream-of.ts";
import { linkWire } from "./wire.ts";

/** Options of {@link deferLink}. */
export interface DeferLinkOptions {
  /** The path at which the application's router has the `calls` procedures. Default `"calls"`. */
  readonly calls?: string | undefined;
}

/**
 * A tRPC link that makes any call site durable: with `{ context: { mode: "async" } }` a query or mutation is started as
 * a deferred call and followed to its end, and the call site gets the typed output as ever. All other operations pass untouched.
 * Put it first in the list.
 *
 * ```ts
 * const trpc = createTRPCClient<AppRouter>({ links: [deferLink(), httpBatchLink({ url })] });
 * await trpc.flights.report.mutate(input, { context: { mode: "async" } });
 * ```
 *
 * - Aborting the operation's signal stops the following; the call itself goes on. To cancel it, defer it with `createDeferClient`
 *   and keep the handle.
 * - A call without an output rejects with a `TRPCClientError` whose `cause` is the `CallFailed`, `CallCancelled` or `CallExpired`, and
 *   whose `data.code` is the nearest code of tRPC.
 * - Of a streaming procedure (`async function*`) the call site gets an iterable, as ever. It fails when an attempt ends of which it has handed
 *   values out; to follow a call through its attempts, take a handle.
 * - The operation's context reaches the links with the start; the subscription is shared by many calls and carries none.
 */
export function deferLink<TRouter extends AnyTRPCRouter = AnyTRPCRouter>(options: DeferLinkOptions = {}): TRPCLink<TRouter> {
  const { calls = "calls" } = options;
  return (runtime) => {
    let maker: ReturnType<typeof handleMaker> | undefined;
    return ({ op, next }) => {
      const mode = op.context["mode"];
      if (mode !== undefined && mode !== "sync" && mode !== "async") return refused<TRouter>(op, mode);
      if (mode !== "async" || op.type === "subscription") return next(op);
      maker ??= handleMaker(runtime, { calls, wire: linkWire<TRouter>(next) });
      return deferred<TRouter>(maker, op);
    };
  };
}

/** A mistyped mode must not answer in sync mode as if nothing were the matter. */
function refused<TRouter extends AnyTRPCRouter>({ path }: Operation, mode: unknown): ReturnType<OperationLink<TRouter>> {
  return observableOf((observer) => {
    observer.error(toClientError(new InvalidOption("context.mode", mode, `"sync" or "async"`), path));
    return () => {};
  });
}

function deferred<TRouter extends AnyTRPCRouter>(maker: ReturnType<typeof handleMaker>, op: Operation): ReturnType<OperationLink<TRouter>> {
  return observableOf((observer) => {
    const stopping = new AbortController();
    const stop = () => stopping.abort(op.signal?.reason);
    if (op.signal?.aborted) stop();
    else op.signal?.addEventListener("abort", stop, { once: true });

    const answer = async () => {
      try {
        observer.next({ result: { type: "data", data: await answerOf(maker, op, stopping.signal) } });
        observer.complete();
      } catch (error) {
        observer.error(toClientError(error, op.path));
      }
    };
    void answer();
    return () => {
      op.signal?.removeEventListener("abort", stop);
      stopping.abort();
    };
  });
}

async function answerOf(maker: ReturnType<typeof handleMaker>, op: Operation, signal: AbortSignal): Promise<unknown> {
  const { path, input, context } = op;
  // Behind this link the operation is an ordinary one.
  const { mode: _mode, ...rest } = context;
  const { id, created, streams } = await startCall(maker.channel, { path, input, context: rest, signal });
  const handle = createHandle(maker, { id, path }, { fresh: created });
  // The operation is over when it has its iterable: only the caller's own signal says that nobody reads it any more.
  return streams ? streamOf(handle, op.signal ?? undefined) : handle.result({ signal });
}
