import { createDeferClient, deferLink } from "@raincheck/client";
import { createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import { EventSource } from "eventsource";
import type { AppRouter } from "./after/server.ts";

const url = process.env["API_URL"] ?? "http://localhost:3000";

// #region links
const trpc = createTRPCClient<AppRouter>({
  links: [
    deferLink(),
    splitLink({
      condition: (op) => op.type === "subscription",
      true: httpSubscriptionLink({ url, EventSource }),
      false: httpBatchLink({ url }),
    }),
  ],
});
// #endregion links

/** As any other procedure: the answer is in the response. */
export async function sync() {
  // #region sync
  const report = await trpc.report.mutate({ year: 2001 });
  // #endregion sync
  return report;
}

/** The same call site, durable: no HTTP timeout applies, and a restart of the server is not noticed. */
export async function durable() {
  // #region durable
  const report = await trpc.report.mutate({ year: 2001 }, { context: { mode: "async" } });
  // #endregion durable
  return report;
}

/** A handle: the call goes on whether anybody waits or not. */
export async function deferred() {
  // #region deferred
  const defer = createDeferClient(trpc);
  const handle = await defer.report({ year: 2001 }, { idempotencyKey: "report of 2001" });
  for await (const event of handle.events()) console.log(event.type); // queued, started, progress, …, succeeded
  const report = await handle.result(); // or throws CallFailed, CallCancelled, CallExpired
  // #endregion deferred
  return report;
}

/** Whichever comes first, and the rest later, in another process. */
export async function patient() {
  const defer = createDeferClient(trpc);
  // #region within
  const first = await defer.report.within("2 seconds", { year: 2001 });
  if (first.done) return first.output;
  const kept = JSON.stringify(first.handle); // { id, path }: no secret, for a cookie, a row, a message

  // Later, wherever the same router's type is known:
  const report = await defer.report.attach(JSON.parse(kept)).result();
  // #endregion within
  return report;
}
