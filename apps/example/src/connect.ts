import { type DeferClient, createDeferClient, deferLink } from "@raincheck/client";
import { type TRPCClient, createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import { EventSource } from "eventsource";
// A type: a client never loads the server's code.
import type { AppRouter } from "./router.ts";

/** Where the API is, and who asks. */
export interface ConnectOptions {
  readonly url: string;
  readonly token: string;
}

/** The typed clients of the API. */
export interface ApiClient {
  /** Ordinary tRPC. */
  readonly trpc: TRPCClient<AppRouter>;
  /** The same procedures, deferred. */
  readonly defer: DeferClient<AppRouter>;
}

/** Makes the clients. Nothing is connected until something is asked. */
export function connect({ url, token }: ConnectOptions): ApiClient {
  const headers = { authorization: `Bearer ${token}` };
  const trpc = createTRPCClient<AppRouter>({
    links: [
      deferLink(),
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: httpSubscriptionLink({
          url,
          EventSource,
          eventSourceOptions: { fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }) },
        }),
        false: httpBatchLink({ url, headers }),
      }),
    ],
  });
  return { trpc, defer: createDeferClient(trpc) };
}
