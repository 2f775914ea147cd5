import type { Asked, Measured } from "./measure.ts";
import { type At, startCaller, startPeerWorker } from "./processes.ts";
import type { Row } from "../turns.ts";

/** Asks a caller of a peer, with a worker beside it or not. */
export async function ask(at: At, asked: readonly Asked[], { hasWorker }: { readonly hasWorker: boolean }): Promise<Row<keyof Measured>[]> {
  await using opened = new AsyncDisposableStack();
  if (hasWorker) await startPeerWorker(opened, at);
  const caller = await startCaller(opened, at);
  const rows: Row<keyof Measured>[] = [];
  for (const one of asked) rows.push({ params: { inFlight: one.inFlight }, figures: { ...(await caller.measure(one)) } });
  return rows;
}
