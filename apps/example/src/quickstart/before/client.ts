import { createTRPCClient, httpBatchLink } from "@trpc/client";
import type { AppRouter } from "./server.ts";

const trpc = createTRPCClient<AppRouter>({
  links: [httpBatchLink({ url: process.env["API_URL"] ?? "http://localhost:3000" })],
});

const report = await trpc.report.mutate({ year: 2001 });
console.log(report.delayed);
