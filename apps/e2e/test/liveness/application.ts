/** An application whose resolvers do what is asked of them, for workers in processes of their own. */
import type { Engine } from "@raincheck/engine";
import { RetryError } from "@raincheck/protocol";
import { initRaincheck, retryHint } from "@raincheck/server";
import { initTRPC } from "@trpc/server";
import type { TransactionSql } from "postgres";
import { z } from "zod";
import { tokens } from "../tokens.ts";

interface Context {
  readonly user: string;
  readonly mode?: "sync" | "async";
}

const For = z.object({ ms: z.number() });

/** Makes the application. `tell` is told what happens in its resolvers. */
export function application(engine: Engine<TransactionSql>, tell: (what: string) => void = () => {}) {
  const raincheck = initRaincheck.context<Context>().create({
    engine,
    principal: ({ user }) => user,
    capture: ({ user }) => ({ user }),
    restore: ({ user }) => ({ user }),
  });
  const t = initTRPC.context<Context>().create({
    errorFormatter: ({ shape, error }) => ({ ...shape, data: { ...shape.data, ...retryHint(error) } }),
  });
  const patient = { timeout: "5 minutes" } as const;
  const router = raincheck.bind(
    t.router({
      /** Computes: nothing else of its process can run. */
      compute: raincheck.deferrable(t.procedure.input(For), patient).mutation(({ input }) => {
        tell("computing");
        const endMs = performance.now() + input.ms;
        let rounds = 0;
        while (performance.now() < endMs) rounds += 1;
        return rounds > 0;
      }),
      /** Waits, and ends early when it is told to. */
      wait: raincheck.deferrable(t.procedure.input(For), patient).mutation(async ({ input, signal }) => {
        tell("waiting");
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, input.ms);
        signal?.addEventListener("abort", () => {
          tell("told to stop");
          reject(signal.reason);
        });
        await promise.finally(() => clearTimeout(timer));
        return input.ms;
      }),
      /** Streams 500 tokens a second. */
      tell: raincheck.deferrable(t.procedure.input(z.object({ count: z.number() })), patient).mutation(async function* ({ input, signal }) {
        return yield* tokens(input.count, 500, signal);
      }),
      /** Ends at once. */
      quick: raincheck.deferrable(t.procedure.input(For)).mutation(({ input }) => input.ms),
      /** Ends in the application's transaction. */
      commit: raincheck.deferrable(t.procedure.input(For), { queue: "ending" }).mutation(({ input, ctx }) => {
        tell("ending");
        return ctx.call.commit(async () => input.ms);
      }),
      /** Ends in the engine's transaction, which sends the call back to the queue. */
      fail: raincheck.deferrable(t.procedure.input(For), { queue: "ending" }).mutation(({ input }): number => {
        tell("ending");
        throw new RetryError({ after: `${input.ms} millis` });
      }),
      calls: raincheck.calls(t.procedure),
    }),
  );
  return { raincheck, router };
}

/** The application. */
export type Application = ReturnType<typeof application>;
