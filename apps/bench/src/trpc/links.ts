import { createWSClient, httpBatchLink, httpSubscriptionLink, splitLink, wsLink } from "@trpc/client";
import type { TRPCLink } from "@trpc/client";
import { EventSource } from "eventsource";
import type { AppRouter } from "./raincheck.ts";

/** How a client reaches its API: batches over HTTP with server-sent events, or one WebSocket for all. */
export type Link = "http" | "ws";

/** The links of a client, with all of tRPC's own defaults; `close` lets the process end. */
export function linksTo(port: number, link: Link): { readonly links: readonly TRPCLink<AppRouter>[]; readonly close: () => void } {
  if (link === "ws") {
    const client = createWSClient({ url: `ws://127.0.0.1:${port}` });
    return { links: [wsLink({ client })], close: () => void client.close() };
  }
  const url = `http://127.0.0.1:${port}`;
  const links = [
    splitLink({
      condition: (op) => op.type === "subscription",
      true: httpSubscriptionLink({ url, EventSource }),
      false: httpBatchLink({ url }),
    }),
  ];
  return { links, close: () => undefined };
}
