/** An application whose resolvers do what resolvers should not, on Postgres, over HTTP and SSE, with a worker. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createDeferClient } from "@raincheck/client";
import { postgresEngine } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { runWorker } from "@raincheck/worker";
import { createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import { initTRPC } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { EventSource } from "eventsource";
import postgres, { type Sql } from "postgres";
import { z } from "zod";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";

/** What the resolver of `throws` throws, by name. */
export const thrown = {
  null: null,
  undefined: undefined,
  "a string": "plain words",
  "a number": 42,
  "a frozen object": Object.freeze({ message: "frozen", config: { headers: { authorization: "canary-secret" } } }),
  "an error of 50 MB": new Error("canary-secret ".repeat(3_750_000)),
  "an error with U+0000": new Error("canary-secret \u0000 and more"),
  "an error with a lone surrogate": new Error("canary-secret \ud800"),
  "an object with hostile getters": {
    get message(): string {
      throw new Error("canary-secret");
    },
    toJSON() {
      throw new Error("canary-secret");
    },
  },
  "a cyclic cause": cyclic(),
  "what looks like the engine's outage": { _tag: "EngineUnavailable", message: "canary-secret" },
  "what looks like a stale attempt": Object.assign(new Error("canary-secret"), { _tag: "StaleAttempt" }),
} as const;

/** Names in {@link thrown}. */
export type Thrown = keyof typeof thrown;

const names = Object.keys(thrown) as [Thrown, ...Thrown[]];

interface Context {
  readonly mode?: "sync" | "async";
}

function hostileApplication(engine: ReturnType<typeof postgresEngine>, ran: string[]) {
  const raincheck = initRaincheck.context<Context>().create({ engine, principal: () => "ada", log: () => undefined });
  const t = initTRPC.context<Context>().create();
  const once = { retry: { attempts: 1 } };
  const router = raincheck.bind(
    t.router({
      echo: raincheck
        .deferrable(t.procedure.input(z.object({ text: z.string() })), { maxInputBytes: 1_000, maxOutputBytes: 1_000 })
        .mutation(({ input }) => {
          ran.push(input.text);
          return input.text;
        }),
      swell: raincheck.deferrable(t.procedure.input(z.number()), { ...once, maxOutputBytes: 1_000 }).mutation(({ input }) => {
        ran.push("swell");
        return "x".repeat(input);
      }),
      loses: raincheck.deferrable(t.procedure, once).mutation((): unknown => {
        ran.push("loses");
        return { big: new Map([["a", 1n]]) };
      }),
      hides: raincheck.deferrable(t.procedure, once).mutation((): unknown => {
        ran.push("hides");
        return {
          toJSON() {
            throw new Error("canary-secret");
          },
        };
      }),
      throws: raincheck.deferrable(t.procedure.input(z.enum(names)), once).mutation(({ input }): string => {
        ran.push(input);
        throw thrown[input];
      }),
      ignores: raincheck.deferrable(t.procedure, { ...once, timeout: "200 millis" }).mutation((): Promise<never> => {
        ran.push("ignores");
        return new Promise(() => undefined);
      }),
      upload: raincheck.deferrable(t.procedure.input(z.instanceof(FormData))).mutation(() => "stored"),
      plain: t.procedure.mutation(() => "plain"),
      calls: raincheck.calls(t.procedure),
    }),
  );
  return { raincheck, router };
}

/** What the client is typed by. */
export type HostileRouter = ReturnType<typeof hostileApplication>["router"];

/** The running application. */
export interface RunningHostileApplication extends AsyncDisposable {
  readonly trpc: ReturnType<typeof createTRPCClient<HostileRouter>>;
  readonly defer: ReturnType<typeof createDeferClient<HostileRouter>>;
  /** For requests that no client would make. */
  readonly url: string;
  /** What the resolvers noted, in order. */
  readonly ran: readonly string[];
  /** For looking into the ledger. */
  readonly sql: Sql;
  readonly schema: string;
  /** Calls in the ledger. */
  countCalls(): Promise<number>;
}

/** Runs it. */
export async function runHostileApplication(options: { listen: boolean }): Promise<RunningHostileApplication> {
  await using starting = new AsyncDisposableStack();
  const { name: schema, url: database } = await testSchema();
  const sql = starting.adopt(postgres(database, { max: 1 }), (one) => one.end());
  const engine = starting.adopt(postgresEngine({ url: database, schema, listen: options.listen, pollMs: 100 }), (one) => one.stop());
  await engine.start();
  const ran: string[] = [];
  const { raincheck, router } = hostileApplication(engine, ran);
  starting.use(await runWorker({ raincheck, concurrency: 4, signals: false, shutdownGrace: "0 millis", log: () => undefined }));
  const server = createServer(createHTTPHandler({ router, createContext: () => ({}) }));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  starting.defer(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const trpc = createTRPCClient<HostileRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: httpSubscriptionLink({ url, EventSource }),
        false: httpBatchLink({ url }),
      }),
    ],
  });
  const running = starting.move();
  return {
    trpc,
    defer: createDeferClient(trpc),
    url,
    ran,
    sql,
    schema,
    async countCalls() {
      const [row] = await sql<{ count: number }[]>`select count(*)::int from ${sql(schema)}.call`;
      return row?.count ?? 0;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function cyclic(): Error {
  const error = new Error("canary-secret");
  error.cause = error;
  return error;
}
