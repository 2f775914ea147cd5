/** The application that the tests of processes run: once as it was before a deploy, once as it is after. */
import { once } from "node:events";
import { type CallMode, FinalError } from "@raincheck/protocol";
import { postgresEngine } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { initTRPC } from "@trpc/server";
import { z } from "zod";

/** Before the deploy, or after it. */
export type Release = "old" | "new";

/** Where the ledger is. */
export interface Place {
  readonly url: string;
  readonly schema: string;
}

/** Makes the application. */
export function makeApplication(release: Release, { url, schema }: Place) {
  const t = initTRPC.context<{ mode?: CallMode }>().create();
  const engine = postgresEngine({ url, schema });
  const raincheck = initRaincheck.context<{ mode?: CallMode }>().create({ engine, principal: () => null });
  const { deferrable } = raincheck;
  const ofOneAttempt = { retry: { attempts: 1 } } as const;

  const old = {
    /** Says who ran it. */
    report: deferrable(t.procedure.input(z.number())).mutation(({ input }) => ({ input, release })),
    /** Takes a while, whatever the clock says. */
    slow: deferrable(t.procedure.input(z.number()), ofOneAttempt).mutation(async ({ input, ctx }) => {
      await once(AbortSignal.timeout(input), "abort");
      return { attempt: ctx.call.attempt, deadlineInMs: (ctx.call.deadline?.getTime() ?? NaN) - Date.now() };
    }),
    /** Waits for its signal. */
    hung: deferrable(t.procedure, { ...ofOneAttempt, timeout: "400 millis" }).mutation(async ({ signal }) => {
      await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("told to stop"))));
    }),
    /** Succeeds at its second attempt. */
    flaky: deferrable(t.procedure, { retry: { attempts: 3, initialDelay: "300 millis", jitter: false } }).mutation(({ ctx }) => {
      if (ctx.call.attempt === 1) throw new Error("not yet");
      return release;
    }),
    /** Its downstream is dead. */
    dead: deferrable(t.procedure, {
      retry: { attempts: 1_000, initialDelay: "1 millis", maxDelay: "1 millis", maxPerSecond: 20 },
    }).mutation(() => {
      throw new Error("downstream is dead");
    }),
  };
  const added = deferrable(t.procedure.input(z.number())).mutation(({ input, ctx }) => {
    if (input < 0) throw new FinalError("negative");
    return { input, release, attempt: ctx.call.attempt };
  });
  // Typed as the new one: what the old one lacks is what the tests are about.
  const router = raincheck.bind(t.router(release === "new" ? { ...old, added } : (old as typeof old & { added: typeof added })));
  return { raincheck, engine, router };
}
