/** The `calls` procedures through tRPC's own clients and servers: HTTP batches with server-sent events, and WebSocket. */
import type { WatchMessage } from "@raincheck/protocol";
import { type TRPCClient, createTRPCClient, createWSClient, httpBatchLink, httpSubscriptionLink, splitLink, wsLink } from "@trpc/client";
import { initTRPC } from "@trpc/server";
import { EventSource } from "eventsource";
import superjson from "superjson";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { z } from "zod";

import { runNext } from "../test/support/attempt-driver.ts";
import { unknownId } from "../test/support/harness.ts";
import { held } from "../test/support/held.ts";
import { type TestServer, serveRouter } from "../test/support/http-server.ts";
import { spiedEngine } from "../test/support/spied-engine.ts";
import { initRaincheck } from "./index.ts";

interface Context {
  user: string;
}

function makeApp() {
  const engine = spiedEngine();
  const raincheck = initRaincheck
    .context<Context>()
    .create({ engine, principal: (ctx) => ctx.user, restore: () => ({ user: "ann" }), transformer: superjson });
  const t = initTRPC.context<Context>().create({ transformer: superjson });
  const router = raincheck.bind(
    t.router({
      a: raincheck.deferrable(t.procedure.input(z.map(z.string(), z.bigint()))).mutation(({ input, ctx }) => {
        ctx.call.progress(new Set([1]));
        return { input, at: new Date(5) };
      }),
      calls: raincheck.calls(t.procedure),
    }),
  );
  return { engine, raincheck, router, runtime: raincheck["~raincheck"] };
}
type App = ReturnType<typeof makeApp>["router"];

interface Client extends AsyncDisposable {
  readonly trpc: TRPCClient<App>;
}

const transports: Record<string, (server: TestServer) => Client> = {
  "HTTP and server-sent events"({ http }) {
    const trpc = createTRPCClient<App>({
      links: [
        splitLink({
          condition: (operation) => operation.type === "subscription",
          true: httpSubscriptionLink({ url: http, transformer: superjson, EventSource }),
          false: httpBatchLink({ url: http, transformer: superjson }),
        }),
      ],
    });
    return { trpc, [Symbol.asyncDispose]: async () => {} };
  },
  WebSocket({ ws }) {
    const client = createWSClient({ url: ws, WebSocket: WebSocket as never, retryDelayMs: () => 1 });
    return {
      trpc: createTRPCClient<App>({ links: [wsLink({ client, transformer: superjson })] }),
      [Symbol.asyncDispose]: async () => {
        await client.close();
      },
    };
  },
};

describe.each(Object.entries(transports))("over %s", (_, connect) => {
  async function connected() {
    const app = makeApp();
    const server = await serveRouter(app.router, { createContext: () => ({ user: "ann" }) });
    const client = connect(server);
    return {
      ...app,
      server,
      trpc: client.trpc,
      async [Symbol.asyncDispose]() {
        await client[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  }
  const input = new Map([["big", 2n ** 53n + 1n]]);

  test("a call is started, watched and read, its values as they were", async () => {
    await using app = await connected();
    const { id } = await app.trpc.calls.start.mutate({ path: "a", input });
    const messages: WatchMessage[] = [];
    const began = held();
    const ended = held();
    app.trpc.calls.watch.subscribe(
      { calls: [{ id }, { id: unknownId }] },
      {
        onData({ id: tracked, data }) {
          expect(tracked.startsWith(`${data.id}:`)).toBe(true);
          messages.push(data);
          if (messages.length === 2) began.resolve();
        },
        onComplete: ended.resolve,
      },
    );
    await began.promise;
    await runNext(app.runtime);
    await ended.promise;
    expect(messages.map((message) => ("event" in message ? message.event.type : message.refused))).toEqual([
      "queued",
      "NOT_FOUND",
      "started",
      "progress",
      "succeeded",
    ]);
    expect(messages[3]).toMatchObject({ event: { value: new Set([1]) } });
    expect(messages[4]).toMatchObject({ event: { output: { input, at: new Date(5) } } });
    expect(await app.trpc.calls.wait.query({ id })).toMatchObject({ output: { input, at: new Date(5) } });
    expect(app.engine.subscribed()).toBe(0);
  });

  test("a connection that was cut goes on where it was, without a gap or a repetition", async () => {
    await using app = await connected();
    const { id } = await app.trpc.calls.start.mutate({ path: "a", input });
    const seqs: number[] = [];
    const began = held();
    const ended = held();
    let cut = false;
    const reconnecting = held();
    app.trpc.calls.watch.subscribe(
      { calls: [{ id }] },
      {
        onData({ data }) {
          if ("event" in data) seqs.push(data.event.seq);
          began.resolve();
        },
        onConnectionStateChange({ state }) {
          if (state === "connecting" && cut) reconnecting.resolve();
        },
        onComplete: ended.resolve,
      },
    );
    await began.promise;
    cut = true;
    app.server.cutConnections();
    await reconnecting.promise;
    await runNext(app.runtime);
    await ended.promise;
    expect(seqs).toEqual([1, 2, 3, 4]);
    expect(app.engine.subscribed()).toBe(0);
  });

  test("a client that leaves while nothing happens leaves nothing behind", async () => {
    await using app = await connected();
    const { id } = await app.trpc.calls.start.mutate({ path: "a", input });
    const began = held();
    const subscription = app.trpc.calls.watch.subscribe({ calls: [{ id }] }, { onData: () => began.resolve() });
    await began.promise;
    expect(app.engine.subscribed()).toBe(1);
    const left = app.engine.unsubscribed();
    subscription.unsubscribe();
    await left;
    expect(app.engine.subscribed()).toBe(0);
  });
});
