/** The application under fire, as the API and the workers share it. */
import { postgresEngine } from "@raincheck/engine/postgres";
import { FinalError, hasTag, initRaincheck } from "@raincheck/server";
import type { CallMode } from "@raincheck/server";
import { TRPCError, initTRPC } from "@trpc/server";
import { chaosEnvironment } from "./environment.ts";

interface Context {
  readonly user: string;
  readonly mode?: CallMode;
}

/** What every procedure takes. */
export interface Work {
  /** The intention's key, which comes back with the output. */
  readonly tag: string;
  /** How long the first attempt works before it commits or returns. */
  readonly ms: number;
  /** The same for the attempts after it. */
  readonly againMs: number;
  /** How many of the first attempts fail. */
  readonly failing: number;
  /** Whether the resolver ignores its signal, as a careless one does: then only the fence stands between a zombie and the ledger. */
  readonly stubborn: boolean;
}

/** What every procedure that succeeds gives. The owner is a canary: nobody else may see it. */
export interface Done {
  readonly tag: string;
  readonly owner: string;
  readonly attempt: number;
}

export const environment = chaosEnvironment(process.env);
const { note } = environment;

export const engine = postgresEngine({ url: environment.databaseUrl, listen: environment.listen });
export const raincheck = initRaincheck.context<Context>().create({
  engine,
  principal: ({ user }) => user,
  capture: ({ user }) => ({ user }),
  restore: ({ user }) => ({ user }),
});

const t = initTRPC.context<Context>().create();
const authed = t.procedure.use(({ ctx, next }) => {
  if (ctx.user === "") throw new TRPCError({ code: "UNAUTHORIZED" });
  return next();
});
const working = authed.input((value: unknown) => value as Work);
const soon = { initialDelay: "50 millis", maxDelay: "500 millis", attempts: 5 } as const;

interface Run {
  readonly input: Work;
  readonly ctx: { readonly user: string; readonly call: { readonly id: string | null; readonly attempt: number } };
  readonly signal: AbortSignal | undefined;
  readonly path: string;
}

/** Notes the run, works for its while, and runs `end`, unless the signal aborts before. */
async function run<TValue>({ input, ctx, signal, path }: Run, end: () => TValue | Promise<TValue>): Promise<TValue> {
  const attempt = { id: ctx.call.id ?? "", attempt: ctx.call.attempt };
  note({ kind: "resolver-started", ...attempt, path });
  signal?.addEventListener("abort", () => note({ kind: "resolver-aborted", ...attempt, reason: reasonOf(signal) }), { once: true });
  await pause(attempt.attempt === 1 ? input.ms : input.againMs, input.stubborn ? undefined : signal);
  if (attempt.attempt <= input.failing) throw new Error("This attempt was to fail.");
  const value = await end();
  note({ kind: "resolver-ended", ...attempt });
  return value;
}

function reasonOf(signal: AbortSignal): string {
  const reason: unknown = signal.reason;
  return typeof reason === "object" && reason !== null && "reason" in reason ? String(reason.reason) : String(reason);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

function done({ input, ctx }: Pick<Run, "input" | "ctx">): Done {
  return { tag: input.tag, owner: ctx.user, attempt: ctx.call.attempt };
}

export const appRouter = raincheck.bind(
  t.router({
    /** Writes one row, in one commit with its output. */
    effect: raincheck
      .deferrable(working, { timeout: "10 seconds", retry: soon })
      .mutation((options) => run(options, () => commitEffect(options, options.ctx.call))),
    /** As `effect`, two at once over all workers. */
    limited: raincheck
      .deferrable(working, { timeout: "10 seconds", retry: soon, concurrency: 2 })
      .mutation((options) => run(options, () => commitEffect(options, options.ctx.call))),
    /** Writes nothing, and tells its progress. */
    plain: raincheck.deferrable(working, { timeout: "10 seconds", retry: soon }).mutation((options) => {
      options.ctx.call.progress({ half: true });
      return run(options, () => done(options));
    }),
    /** Must end before half a second. */
    brief: raincheck.deferrable(working, { deadline: "500 millis", retry: soon }).mutation((options) => run(options, () => done(options))),
    /** Refuses for good. */
    refuse: raincheck.deferrable(working).mutation((options) =>
      run(options, (): Done => {
        throw new FinalError("Refused, as was asked.", { code: "REFUSED" });
      }),
    ),
    /** Kills its worker. */
    poison: raincheck.deferrable(working).mutation((options) =>
      run(options, (): Done => {
        process.kill(process.pid, "SIGKILL");
        return done(options);
      }),
    ),
    calls: raincheck.calls(authed),
  }),
);

export type AppRouter = typeof appRouter;

type Transaction = Parameters<Parameters<typeof engine.transaction>[0]>[0];

async function commitEffect(
  { input, ctx }: Pick<Run, "input" | "ctx">,
  call: { commit(work: (sql: Transaction) => Promise<Done>): Promise<Done> },
): Promise<Done> {
  try {
    return await call.commit(async (sql) => {
      await sql`insert into effect (call_id, attempt, tag) values (${ctx.call.id}, ${ctx.call.attempt}, ${input.tag})`;
      return done({ input, ctx });
    });
  } catch (error) {
    if (hasTag(error, "StaleAttempt")) note({ kind: "fenced", id: ctx.call.id ?? "", attempt: ctx.call.attempt });
    throw error;
  }
}
