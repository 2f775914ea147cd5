/** The application that is simulated: what an API process and the workers share. */
import type { Engine } from "@raincheck/engine";
import { FinalError, initRaincheck } from "@raincheck/server";
import { initTRPC } from "@trpc/server";

interface Context {
  readonly user: string;
  readonly mode?: "sync" | "async";
}

/** What every procedure takes. */
export interface Work {
  readonly tag: string;
  /** How long the resolver works. */
  readonly ms: number;
  /** How many of the first attempts fail. */
  readonly failing: number;
  /** Whether the resolver ignores its signal. */
  readonly stubborn: boolean;
}

/** Told of each run of a resolver. */
export type OnRun = (run: { readonly id: string; readonly attempt: number }) => void;

const soon = { initialDelay: "100 millis", maxDelay: "2 seconds", attempts: 4 } as const;

/** Makes the application of one process, over its line to the engine. */
export function simulatedApplication(engine: Engine<null>, onRun: OnRun) {
  const raincheck = initRaincheck.context<Context>().create({
    engine,
    principal: ({ user }) => user,
    capture: ({ user }) => ({ user }),
    restore: ({ user }) => ({ user }),
    log: () => undefined,
  });
  const t = initTRPC.context<Context>().create();
  const working = t.procedure.input((value: unknown) => value as Work);

  interface Run {
    readonly input: Work;
    readonly ctx: { readonly call: { readonly id: string | null; readonly attempt: number } };
    readonly signal: AbortSignal | undefined;
  }
  const run = async ({ input, ctx, signal }: Run): Promise<string> => {
    onRun({ id: ctx.call.id ?? "", attempt: ctx.call.attempt });
    await pause(input.ms, input.stubborn ? undefined : signal);
    if (ctx.call.attempt <= input.failing) throw new Error("This attempt was to fail.");
    return input.tag;
  };

  const router = raincheck.bind(
    t.router({
      plain: raincheck.deferrable(working, { retry: soon, timeout: "8 seconds" }).mutation(async (options) => {
        options.ctx.call.progress({ half: true });
        return run(options);
      }),
      /** Tells its tokens one by one, and how many they were. */
      streaming: raincheck.deferrable(working, { retry: soon }).mutation(async function* (options) {
        const { input, signal } = options;
        for (let token = 0; token < streamedTokens; token += 1) {
          yield token;
          // Most come together, others after a while.
          if (token % 7 === 0) await pause(input.ms / 20, input.stubborn ? undefined : signal);
        }
        return run(options);
      }),
      /** Ends by a commit, and has something left to do. */
      committing: raincheck.deferrable(working, { retry: soon }).mutation(async (options) => {
        const tag = await run(options);
        const committed = await options.ctx.call.commit(() => tag);
        await pause(50, undefined);
        return committed;
      }),
      limited: raincheck.deferrable(working, { retry: soon, concurrency: 2 }).mutation(run),
      brief: raincheck.deferrable(working, { retry: soon, deadline: "2 seconds" }).mutation(run),
      refuse: raincheck.deferrable(working, { retry: soon }).mutation(async (options): Promise<string> => {
        await run(options);
        throw new FinalError("Refused, as was asked.");
      }),
      calls: raincheck.calls(t.procedure),
    }),
  );
  return { raincheck, router };
}

/** What the clients are typed by. */
export type SimulatedRouter = ReturnType<typeof simulatedApplication>["router"];

/** What the streaming procedure yields: so many numbers, from 0. */
export const streamedTokens = 40;

/** The procedures that a client may choose from. */
export const simulatedPaths = ["plain", "streaming", "committing", "limited", "brief", "refuse"] as const;

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
