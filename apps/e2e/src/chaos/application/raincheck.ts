/** The application under fire, as the API and the workers share it. */
import { postgresEngine } from "@raincheck/engine/postgres";
import { FinalError, hasTag, initRaincheck } from "@raincheck/server";
import type { CallId, CallMode } from "@raincheck/server";
import { TRPCError, initTRPC } from "@trpc/server";
import { type Done, type Run, type Work, done, environment, run, stream } from "./work.ts";

interface Context {
  readonly user: string;
  readonly mode?: CallMode;
}

/** Who is told of the end of a call beside its followers: the consumer of the reply queue, the endpoint of the webhook. */
export type Told = "reply" | "webhook";

/** The reply queue of the run. */
export const replyQueue = "endings";

export const engine = postgresEngine({ url: environment.databaseUrl, listen: environment.listen });
export const raincheck = initRaincheck.context<Context>().create({
  engine,
  principal: ({ user }) => user,
  capture: ({ user }) => ({ user }),
  restore: ({ user }) => ({ user }),
  webhooks: {
    receiver: {
      url: environment.webhook.url,
      secrets: [environment.webhook.secret],
      network: "private",
      timeout: "500 millis",
      // So many that none is given up, and so soon that all have come when the run ends.
      retry: { attempts: 60, initialDelay: "50 millis", maxDelay: "1 second", maxPerSecond: 100 },
    },
  },
});

const t = initTRPC.context<Context>().create();
const authed = t.procedure.use(({ ctx, next }) => {
  if (ctx.user === "") throw new TRPCError({ code: "UNAUTHORIZED" });
  return next();
});
const working = authed.input((value: unknown) => value as Work);
const soon = { initialDelay: "50 millis", maxDelay: "500 millis", attempts: 5 } as const;

/** What clients call. */
export const procedures = {
  /** Writes one row, in one commit with its output. */
  effect: raincheck
    .deferrable(working, { timeout: "10 seconds", retry: soon })
    .mutation((options) => run(options, () => commitEffect(options, options.ctx.call))),
  /** As `effect`, two at once over all workers. */
  limited: raincheck
    .deferrable(working, { timeout: "10 seconds", retry: soon, concurrency: 2 })
    .mutation((options) => run(options, () => commitEffect(options, options.ctx.call))),
  /** As `effect`, and yields before. */
  stream: raincheck.deferrable(working, { timeout: "10 seconds", retry: soon }).mutation(async function* (options) {
    return yield* stream(options, () => commitEffect(options, options.ctx.call));
  }),
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
};

/** What the server is asked to start. */
interface Order {
  readonly procedure: keyof typeof procedures;
  readonly work: Work;
  readonly key: string;
  readonly told: readonly Told[];
}

/** Of which call the server is asked to make another. */
interface Repeating {
  readonly procedure: keyof typeof procedures;
  readonly id: CallId;
  /** Of a replay; null: it is a retry. */
  readonly key: string | null;
}

export const appRouter = raincheck.bind(
  t.router({
    ...procedures,
    calls: raincheck.calls(authed),
    /** Starts a call whose end is told. */
    start: authed
      .input((value: unknown) => value as Order)
      .mutation(async ({ input: { procedure, work, key, told }, ctx: { user } }) => {
        const { id, path } = await raincheck.start(procedures[procedure], work, {
          ctx: { user },
          idempotencyKey: key,
          ...(told.includes("reply") && { reply: { queue: replyQueue } }),
          ...(told.includes("webhook") && { webhook: "receiver" }),
        });
        return { id, path };
      }),
    /** Retries or replays a call on the server. */
    repeat: authed
      .input((value: unknown) => value as Repeating)
      .mutation(async ({ input: { procedure, id, key }, ctx: { user } }) => {
        const ctx = { user };
        const repeated =
          key === null
            ? await raincheck.retry(procedures[procedure], id, { ctx })
            : await raincheck.replay(procedures[procedure], id, { ctx, idempotencyKey: key });
        return { id: repeated.id, path: repeated.path };
      }),
  }),
);

export type AppRouter = typeof appRouter;

/** What a commit's function is handed. */
export type Transaction = Parameters<Parameters<typeof engine.transaction>[0]>[0];

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
    if (hasTag(error, "StaleAttempt")) environment.note({ kind: "fenced", id: ctx.call.id ?? "", attempt: ctx.call.attempt });
    throw error;
  }
}
