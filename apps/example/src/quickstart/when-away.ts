import { type Raincheck, retryHint } from "@raincheck/server";
import { initTRPC } from "@trpc/server";
import { createHTTPServer } from "@trpc/server/adapters/standalone";

/** An API that says when to ask again. */
export function serveWithHints(raincheck: Raincheck<object, unknown>) {
  // #region hints
  const t = initTRPC.create({
    errorFormatter: ({ shape, error }) => ({ ...shape, data: { ...shape.data, ...retryHint(error) } }),
  });
  const router = t.router({ calls: raincheck.calls(t.procedure) });
  return createHTTPServer({ router, responseMeta: (options) => raincheck.responseMeta(options) });
  // #endregion hints
}
