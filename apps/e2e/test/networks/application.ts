/** A small application whose calls end when the test says so, over HTTP with server-sent events and over WebSocket. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ClaimedCall } from "@raincheck/engine";
import { memoryEngine } from "@raincheck/engine/memory";
import { type CallsOptions, initRaincheck, limitWebSocketBuffer } from "@raincheck/server";
import { createTRPCClient, createWSClient, httpBatchLink, httpSubscriptionLink, splitLink, wsLink } from "@trpc/client";
import { TRPCError, initTRPC } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import { EventSource } from "eventsource";
import { WebSocketServer } from "ws";

type RootOptions = NonNullable<Parameters<ReturnType<typeof initTRPC.context<{ user: string }>>["create"]>[0]>;

/** How a test sets the application up. */
export interface Settings {
  readonly sse?: RootOptions["sse"];
  readonly keepAlive?: Parameters<typeof applyWSSHandler>[0]["keepAlive"];
  readonly calls?: CallsOptions;
}

function application(settings: Settings) {
  const engine = memoryEngine();
  let watched = 0;
  const raincheck = initRaincheck.context<{ user: string }>().create({
    engine: {
      ...engine,
      subscribe(id, wake) {
        const unsubscribe = engine.subscribe(id, wake);
        let open = true;
        watched += 1;
        return () => {
          if (open) watched -= 1;
          open = false;
          unsubscribe();
        };
      },
    },
    principal: ({ user }) => user,
    restore: () => ({ user: "ada" }),
  });
  const t = initTRPC.context<{ user: string }>().create(settings.sse === undefined ? {} : { sse: settings.sse });
  const revoked = new Set<string>();
  const authed = t.procedure.use(({ ctx, next }) => {
    if (revoked.has(ctx.user)) throw new TRPCError({ code: "UNAUTHORIZED" });
    return next();
  });
  const router = raincheck.bind(
    t.router({
      make: raincheck.deferrable(authed).mutation((): string => "made"),
      calls: raincheck.calls(authed, settings.calls ?? {}),
    }),
  );
  return { engine, router, revoked, watched: () => watched };
}

/** What the clients are typed by. */
export type AppRouter = ReturnType<typeof application>["router"];

/** The running application. */
export interface RunningApplication extends AsyncDisposable {
  readonly port: number;
  /** Users who are refused from now on. */
  readonly revoked: Set<string>;
  /** Calls that the server follows for somebody now. */
  watched(): number;
  /** Claims the next call. */
  claim(): Promise<ClaimedCall>;
  progress(call: ClaimedCall, value: unknown): Promise<void>;
  finish(call: ClaimedCall): Promise<void>;
  /** A client of a user, through a port of this machine, or its streams through another. */
  client(
    transport: "HTTP and SSE" | "WebSocket",
    port: number,
    options?: { readonly user?: string; readonly streams?: number },
  ): ReturnType<typeof createTRPCClient<AppRouter>>;
}

/** Runs it. */
export async function runApplication(settings: Settings): Promise<RunningApplication> {
  const { engine, router, revoked, watched } = application(settings);
  const cleanup = new AsyncDisposableStack();
  cleanup.defer(() => engine.stop());
  const server = createServer(createHTTPHandler({ router, createContext: ({ req }) => ({ user: String(req.headers["x-user"]) }) }));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const wss = new WebSocketServer({ server });
  limitWebSocketBuffer(wss);
  applyWSSHandler({
    wss,
    router,
    createContext: ({ info }) => ({ user: info.connectionParams?.["user"] ?? "nobody" }),
    ...(settings.keepAlive === undefined ? {} : { keepAlive: settings.keepAlive }),
  });
  cleanup.defer(
    () =>
      new Promise<void>((resolve) => {
        for (const socket of wss.clients) socket.terminate();
        wss.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return {
    port: (server.address() as AddressInfo).port,
    revoked,
    watched,
    async claim() {
      const [call] = await engine.claim({ worker: "test", queues: ["default"], limit: 1, leaseMs: 60_000 });
      if (call === undefined) throw new Error("There is no call to claim.");
      return call;
    },
    progress: async (call, value) => void (await engine.report(call, `~1j${JSON.stringify(value)}`)),
    finish: async (call) => void (await engine.settle(call, { type: "succeeded", output: '~1j"made"' })),
    client(transport, port, { user = "ada", streams = port } = {}) {
      if (transport === "WebSocket") {
        const client = createWSClient({ url: `ws://127.0.0.1:${streams}`, connectionParams: { user }, retryDelayMs: () => 10 });
        cleanup.defer(() => client.close());
        return createTRPCClient<AppRouter>({ links: [wsLink({ client })] });
      }
      const subscriptions = httpSubscriptionLink<AppRouter, typeof EventSource>({
        url: `http://127.0.0.1:${streams}`,
        EventSource,
        eventSourceOptions: { fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, "x-user": user } }) },
      });
      const requests = httpBatchLink<AppRouter>({ url: `http://127.0.0.1:${port}`, headers: { "x-user": user } });
      return createTRPCClient<AppRouter>({
        links: [splitLink({ condition: ({ type }) => type === "subscription", true: subscriptions, false: requests })],
      });
    },
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}
