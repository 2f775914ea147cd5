/** An application as its authors would write it, whose resolvers wait for the test. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Engine } from "@raincheck/engine";
import { FinalError } from "@raincheck/protocol";
import { initRaincheck } from "@raincheck/server";
import { runWorker } from "@raincheck/worker";
import {
  type TRPCLink,
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpSubscriptionLink,
  localLink,
  splitLink,
  wsLink,
} from "@trpc/client";
import { TRPCError, initTRPC } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import { EventSource } from "eventsource";
import superjson from "superjson";
import { WebSocketServer } from "ws";
import { z } from "zod";
import { tokens } from "../tokens.ts";

interface Context {
  readonly user: string;
  readonly mode?: "sync" | "async";
}

/** How client and application are connected. */
export type Transport = "HTTP and SSE" | "WebSocket" | "in process" | "HTTP without subscriptions";

/** A resolver that has come to the point where it waits for the test. */
export interface HeldResolver {
  readonly year: number;
  readonly signal: AbortSignal | undefined;
  progress(done: number): void;
  finish(): void;
  fail(error: unknown): void;
}

/** Resolvers that wait, to be taken by the test in any order. */
class Held {
  readonly #waiting: HeldResolver[] = [];
  readonly #takers: (() => void)[] = [];

  put(resolver: HeldResolver): void {
    this.#waiting.push(resolver);
    for (const look of this.#takers.splice(0)) look();
  }

  /** The next resolver of that year; waits until it has come. */
  async take(year: number): Promise<HeldResolver> {
    for (;;) {
      const at = this.#waiting.findIndex((resolver) => resolver.year === year);
      if (at >= 0) return this.#waiting.splice(at, 1)[0]!;
      await new Promise<void>((resolve) => {
        this.#takers.push(resolve);
      });
    }
  }
}

function application(engine: Engine<unknown>, held: Held) {
  const raincheck = initRaincheck.context<Context>().create({
    engine,
    principal: ({ user }) => user,
    capture: ({ user }) => ({ user }),
    restore: ({ user }) => ({ user }),
    transformer: superjson,
  });
  const t = initTRPC.context<Context>().create({ transformer: superjson });
  const authed = t.procedure.use(({ ctx, next }) => {
    if (ctx.user === "nobody") throw new TRPCError({ code: "UNAUTHORIZED" });
    return next();
  });
  const Year = z.object({ year: z.number().int() });
  const router = raincheck.bind(
    t.router({
      reports: t.router({
        /** Waits for the test. */
        make: raincheck.deferrable(authed.input(Year), { retry: { attempts: 1 } }).mutation(async ({ input, ctx, signal }) => {
          await new Promise<void>((resolve, reject) => {
            signal?.addEventListener("abort", () => reject(signal.reason));
            held.put({ year: input.year, signal, progress: (done) => ctx.call.progress({ done }), finish: resolve, fail: reject });
          });
          return { year: input.year, madeAt: new Date(0), total: 2n ** 60n };
        }),
        /** Streams. */
        tell: raincheck.deferrable(authed.input(z.object({ count: z.number(), perSecond: z.number() }))).mutation(async function* ({
          input,
          signal,
        }) {
          return yield* tokens(input.count, input.perSecond, signal);
        }),
        /** Ends at once. */
        quick: raincheck.deferrable(authed.input(Year)).query(({ input }) => input.year),
        refuse: raincheck.deferrable(authed.input(Year)).mutation(({ input }): number => {
          throw new FinalError("No such year.", { code: "NO_SUCH_YEAR", data: input });
        }),
      }),
      calls: raincheck.calls(authed),
    }),
  );
  return { raincheck, router };
}

/** What the clients are typed by. */
export type AppRouter = ReturnType<typeof application>["router"];

/** A running application, and tRPC clients that reach it. */
export interface RunningApplication extends AsyncDisposable {
  readonly held: Held;
  /** A client of a user, with links of its own. */
  client(user?: string, before?: TRPCLink<AppRouter>[]): ReturnType<typeof createTRPCClient<AppRouter>>;
  /** Subscriptions of `calls.watch` that are open now, and the most that were open at once. */
  readonly watches: { open: number; most: number };
  /** Destroys every connection to the API. */
  cut(): void;
}

/** Runs the application on an engine, with a worker in the same process, behind a transport. */
export async function runApplication(engine: Engine<unknown>, transport: Transport): Promise<RunningApplication> {
  const held = new Held();
  const { raincheck, router } = application(engine, held);
  const cleanup = new AsyncDisposableStack();
  cleanup.defer(() => engine.stop());
  const worker = await runWorker({ raincheck, concurrency: 64, signals: false, shutdownGrace: "0 millis" });
  cleanup.defer(() => worker.stop());

  const watches = { open: 0, most: 0 };
  /** Counts at the server's side of the wire. */
  const count = (change: 1 | -1) => {
    watches.open += change;
    watches.most = Math.max(watches.most, watches.open);
  };

  const handler = createHTTPHandler({ router, createContext: ({ req }) => ({ user: String(req.headers["x-user"]) }) });
  const server = createServer((request, response) => {
    if (request.url?.includes("calls.watch")) {
      count(1);
      response.once("close", () => count(-1));
    }
    handler(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const sockets = new WebSocketServer({ server });
  applyWSSHandler({
    wss: sockets,
    router,
    createContext: ({ info }) => ({ user: info.connectionParams?.["user"] ?? "nobody" }),
  });
  const cut = () => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
  };
  cleanup.defer(
    () =>
      new Promise<void>((resolve) => {
        sockets.close();
        server.close(() => resolve());
        cut();
      }),
  );
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const linksOf = (user: string): TRPCLink<AppRouter>[] => {
    const transformer = superjson;
    if (transport === "in process") return [localLink({ router, transformer, createContext: async () => ({ user }) })];
    if (transport === "WebSocket") {
      const client = createWSClient({ url: url.replace("http", "ws"), connectionParams: { user }, retryDelayMs: () => 1 });
      cleanup.defer(() => client.close());
      return [wsLink({ client, transformer })];
    }
    const batch = httpBatchLink<AppRouter>({ url, transformer, headers: { "x-user": user } });
    if (transport === "HTTP without subscriptions") return [batch];
    const subscriptions = httpSubscriptionLink<AppRouter, typeof EventSource>({
      url,
      transformer,
      EventSource,
      eventSourceOptions: { fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, "x-user": user } }) },
    });
    return [splitLink({ condition: ({ type }) => type === "subscription", true: subscriptions, false: batch })];
  };

  return {
    held,
    client: (user = "ada", before = []) => createTRPCClient<AppRouter>({ links: [...before, ...linksOf(user)] }),
    watches,
    cut,
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}
