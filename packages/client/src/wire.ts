import type { Operation, OperationLink, OperationResultEnvelope, TRPCClientError, TRPCUntypedClient } from "@trpc/client";
import type { AnyTRPCRouter } from "@trpc/server";

/** One query or mutation for a {@link Wire}. */
export interface WireRequest {
  readonly type: "query" | "mutation";
  readonly path: string;
  readonly input: unknown;
  /** Rides along to the links, as tRPC's own `context` option. */
  readonly context?: Readonly<Record<string, unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a subscription of a {@link Wire} tells. After `ended` it is silent. */
export interface WireObserver {
  /** The server has taken the subscription; again after each reconnect. */
  readonly opened: () => void;
  readonly data: (value: unknown) => void;
  /** The connection is being made or made again; `error` says why it was lost, `null` at the first try. */
  readonly connecting: (error: unknown) => void;
  /** `null`: the server completed it. */
  readonly ended: (error: unknown) => void;
}

/** How operations reach the server: through a whole tRPC client, or down the rest of a link chain. */
export interface Wire {
  /** Rejects with a `TRPCClientError`. */
  request(request: WireRequest): Promise<unknown>;

  /**
   * @returns what closes the subscription; the observer hears nothing of that.
   * @throws what the link throws that cannot subscribe at all.
   */
  subscribe(path: string, input: unknown, observer: WireObserver): () => void;
}

/** Operations through all the links of a client. */
export function clientWire(client: TRPCUntypedClient<AnyTRPCRouter>): Wire {
  return {
    request: ({ type, path, input, context, signal }) =>
      client[type](path, input, {
        ...(context === undefined ? {} : { context: { ...context } }),
        ...(signal === undefined ? {} : { signal }),
      }),

    subscribe(path, input, observer) {
      const subscription = client.subscription(path, input, {
        onStarted: () => observer.opened(),
        onData: (value) => observer.data(value),
        onConnectionStateChange: ({ state, error }) => {
          if (state === "connecting") observer.connecting(error);
        },
        onError: (error) => observer.ended(error),
        onComplete: () => observer.ended(null),
      });
      return () => subscription.unsubscribe();
    },
  };
}

type Next<TRouter extends AnyTRPCRouter> = Parameters<OperationLink<TRouter>>[0]["next"];

/**
 * Operations down the links behind one link.
 *
 * @param next what that link was handed, with any operation: it goes on working after its own operation has ended.
 */
export function linkWire<TRouter extends AnyTRPCRouter>(next: Next<TRouter>): Wire {
  // tRPC numbers a client's operations upwards from 1; downwards from -1 there is room for ours.
  let lastId = 0;
  const operation = (fields: Pick<Operation, "type" | "path" | "input" | "context" | "signal">): Operation => ({ id: --lastId, ...fields });

  return {
    request: ({ type, path, input, context, signal }) =>
      new Promise((resolve, reject) => {
        next(operation({ type, path, input, context: { ...context }, signal })).subscribe({
          next: ({ result }) => {
            if (isData(result)) resolve(result.data);
          },
          error: reject,
          // Some links complete an aborted operation without an answer.
          complete: () => reject(signal?.reason ?? new Error(`The links gave no answer to ${path}.`)),
        });
      }),

    subscribe(path, input, observer) {
      const subscription = next(operation({ type: "subscription", path, input, context: {}, signal: null })).subscribe({
        next: ({ result }) => {
          if (isData(result)) observer.data(result.data);
          else if (result.type === "started") observer.opened();
          else if (result.type === "state" && result.state === "connecting") observer.connecting(result.error);
        },
        error: (error) => observer.ended(error),
        complete: () => observer.ended(null),
      });
      return () => subscription.unsubscribe();
    },
  };
}

type Result = OperationResultEnvelope<unknown, TRPCClientError<AnyTRPCRouter>>["result"];

function isData(result: Result): result is Extract<Result, { type?: "data" }> {
  return result.type === undefined || result.type === "data";
}
