import type { ClaimedCall } from "@raincheck/engine";
import { postgresEngine } from "@raincheck/engine/postgres";

/** What stands in for the workers: it ends calls when the benchmark says so, from another process than the API's. */
export interface Settler extends AsyncDisposable {
  /** Claims what there is, at most 500 calls. */
  claimSome(): Promise<readonly ClaimedCall[]>;
  /** Claims so many calls. */
  claim(count: number): Promise<ReadonlyMap<string, ClaimedCall>>;
  /** Ends a call as succeeded. */
  settle(call: ClaimedCall): Promise<void>;
  /** Tells a call's progress. */
  report(call: ClaimedCall, done: number): Promise<void>;
}

/** Opens a settler on a ledger. */
export async function openSettler(url: string, options: { readonly listen?: boolean } = {}): Promise<Settler> {
  const engine = postgresEngine({ url, listen: options.listen ?? true });
  await engine.start();
  const claimSome = (limit = 500) => engine.claim({ worker: "bench", queues: ["default"], limit, leaseMs: 3_600_000 });
  return {
    claimSome: () => claimSome(),
    async claim(count) {
      const claimed = new Map<string, ClaimedCall>();
      while (claimed.size < count) {
        const calls = await claimSome(Math.min(500, count - claimed.size));
        if (calls.length === 0) throw new Error(`Only ${claimed.size} of ${count} calls were there to be claimed.`);
        for (const call of calls) claimed.set(call.id, call);
      }
      return claimed;
    },
    settle: async (call) => void (await engine.settle(call, { type: "succeeded", output: '~1j"done"' })),
    report: async (call, done) => void (await engine.report(call, `~1j{"done":${done}}`)),
    [Symbol.asyncDispose]: () => engine.stop(),
  };
}
