import { postgresEngine } from "@raincheck/engine/postgres";
import { type CallMode, initRaincheck } from "@raincheck/server";
import { initTRPC, tracked } from "@trpc/server";

interface Context {
  readonly mode?: CallMode;
}

const inner = postgresEngine({ url: process.env["DATABASE_URL"], listen: process.env["LISTEN"] !== "false" });

/** What was asked of the ledger since the start. */
export const asked = { events: 0 };

export const engine: typeof inner = {
  ...inner,
  events(...given) {
    asked.events += 1;
    return inner.events(...given);
  },
};

export const raincheck = initRaincheck.context<Context>().create({ engine, principal: () => "bench" });

const t = initTRPC.context<Context>().create();

/** Those who wait for the next tick. */
const waiting = new Set<() => void>();
let ticks = 1;

/** Tells all subscribers of `ticks`. */
export function tick(): void {
  ticks += 1;
  const told = [...waiting];
  waiting.clear();
  for (const tell of told) tell();
}

export const appRouter = raincheck.bind(
  t.router({
    /** Nobody runs it: the benchmark settles it itself. */
    held: raincheck.deferrable(t.procedure, { retry: { attempts: 1 } }).mutation((): string => "never"),
    /** tRPC's own subscription, as lean as it can be written, with an input as a watch has one. */
    ticks: t.procedure
      .input((input: unknown) => input)
      .subscription(async function* ({ signal }) {
        while (signal?.aborted === false) {
          yield tracked(String(ticks), { ticks });
          await new Promise<void>((resolve) => {
            waiting.add(resolve);
            signal.addEventListener("abort", () => {
              waiting.delete(resolve);
              resolve();
            });
          });
        }
      }),
    /** tRPC's own subscription that tells one event, as soon as it is there, and is over: what is left of a watch whose call has ended. */
    once: t.procedure
      .input((input: unknown) => input)
      .subscription(async function* () {
        yield tracked("1", { ticks });
      }),
    calls: raincheck.calls(t.procedure),
  }),
);

export type AppRouter = typeof appRouter;
