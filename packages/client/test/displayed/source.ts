/** What an editor shows of these is what the compiler writes into a declaration: see `displayed.test.ts`. */
import type { TRPCClient } from "@trpc/client";
import { createDeferClient } from "../../src/index.ts";
import type { plainRouter, richRouter } from "../typed-routers.ts";

declare const plainTrpc: TRPCClient<typeof plainRouter>;
declare const richTrpc: TRPCClient<typeof richRouter>;

const defer = createDeferClient(plainTrpc);

export const report = defer.flights.report;
export const count = defer.flights.count;
export const { slow } = defer;
export const handle = await defer.flights.report({ year: 2001 });
export const result = await handle.result();
export const first = await defer.slow.export.within("2 seconds", { to: "a" });
export const telling = await defer.flights.tell({ year: 2001 });
export const rich = await createDeferClient(richTrpc).flights.report({ year: 2001 });
