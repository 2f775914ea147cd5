import { createDeferClient } from "@raincheck/client";
import { createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import { EventSource } from "eventsource";
import type { AppRouter } from "../application/raincheck.ts";

/** A user's client: over HTTP, with results by Server-Sent Events. */
export type ChaosClient = ReturnType<typeof clientOf>;

/** How long a request may stay unanswered. A link that swallows bytes would hold it for ever. */
const requestMs = 5_000;

/** Makes the client of a user. */
export function clientOf(url: string, user: string) {
  const headers = { "x-user": user };
  const trpc = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: httpSubscriptionLink({
          url,
          EventSource,
          eventSourceOptions: { fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }) },
        }),
        false: httpBatchLink({
          url,
          headers,
          fetch: (input, init) => fetch(input, { ...init, signal: inTime(init?.signal) }),
        }),
      }),
    ],
  });
  return { trpc, defer: createDeferClient(trpc) };
}

function inTime(signal: unknown): AbortSignal {
  const late = AbortSignal.timeout(requestMs);
  return signal instanceof AbortSignal ? AbortSignal.any([signal, late]) : late;
}
