import { createDeferClient } from "@raincheck/client";
import { createTRPCClient, httpBatchLink } from "@trpc/client";
import type { AppRouter } from "./server.ts";

const trpc = createTRPCClient<AppRouter>({
  links: [httpBatchLink({ url: process.env["API_URL"] ?? "http://localhost:3000" })],
});
const defer = createDeferClient(trpc);

const handle = await defer.report({ year: 2001 });
const report = await handle.result();
console.log(report.delayed);
