import { postgresEngine } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { runWorker } from "@raincheck/worker";
import { initTRPC } from "@trpc/server";
import { countOf } from "../count-of.ts";
import { inParallel } from "../in-parallel.ts";
import type { Peer } from "../peer.ts";

function application(url: string) {
  const engine = postgresEngine({ url });
  const raincheck = initRaincheck.context<object>().create({ engine, principal: () => "bench" });
  const t = initTRPC.create();
  const noop = raincheck.deferrable(t.procedure).mutation(() => "done");
  raincheck.bind(t.router({ noop, calls: raincheck.calls(t.procedure) }));
  return { engine, raincheck, noop };
}

/** Raincheck, called in the API's process. */
export const peer: Peer = {
  async prepare({ url }) {
    const { engine } = application(url);
    await engine.start();
    await engine.stop();
  },
  async openCaller({ url }) {
    const { engine, raincheck, noop } = application(url);
    await engine.start();
    const accept = () => raincheck.start(noop, undefined, { ctx: {} });
    return {
      accept,
      call: async () => (await accept()).result(),
      fill: (count) => inParallel(count, accept),
      left: () => countOf(url, "select count(*)::int from raincheck.call where state in ('queued', 'running')"),
      [Symbol.asyncDispose]: () => engine.stop(),
    };
  },
  async openWorker({ url, inFlight, work }) {
    const { engine, raincheck } = application(url);
    const concurrency = work === "backlog" ? 1_000 : Math.max(16, inFlight);
    const worker = await runWorker({ raincheck, signals: false, concurrency, shutdownGrace: "1 second" });
    return {
      async [Symbol.asyncDispose]() {
        await worker.stop();
        await engine.stop();
      },
    };
  },
};
