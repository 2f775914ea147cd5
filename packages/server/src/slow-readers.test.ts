/** Clients that stop reading while events of 100 KB come: what they cost, and that they miss nothing. */
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { createTRPCClient, createWSClient, wsLink } from "@trpc/client";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

import { claimNext } from "../test/support/attempt-driver.ts";
import { ann, t, testRaincheck } from "../test/support/harness.ts";
import { held } from "../test/support/held.ts";
import { limitWebSocketBuffer } from "./index.ts";

const patience = { timeout: 15_000 };
const eventBytes = 100_000;
const events = 300;

function makeApp() {
  const harness = testRaincheck();
  const { raincheck, runtime } = harness;
  const a = raincheck.deferrable(t.procedure).mutation(() => "done");
  let flooded = false;
  const router = raincheck.bind(
    t.router({
      a,
      /** A subscription of the application's own, which waits for nobody; once. */
      flood: t.procedure.subscription(async function* () {
        for (let count = 0; count < events && !flooded; count++) yield "x".repeat(eventBytes);
        flooded = true;
      }),
      calls: raincheck.calls(t.procedure),
    }),
  );
  const start = async () => (await raincheck.start(a, undefined, { ctx: ann })).id;
  /** Runs the call: many large events, then its end. `each` is called after each of them. */
  const run = async (each: () => Promise<void>) => {
    const call = await claimNext(runtime);
    for (let count = 0; count < events; count++) {
      await runtime.engine.report(call, `~1j"${String(count).padEnd(eventBytes, ".")}"`);
      await each();
    }
    await runtime.engine.settle(call, { type: "succeeded", output: '~1j"done"' });
  };
  return { ...harness, router, start, run };
}

type App = ReturnType<typeof makeApp>["router"];

/** Lets the event loop turn: what can be written is written. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** 1 queued, 2 started, then the many, then the end. */
const everySeq = Array.from({ length: events + 3 }, (_, index) => index + 1);

function fakeSocket({ bufferedAmount, sent, closed }: { bufferedAmount: number; sent: unknown[]; closed: number[] }) {
  return {
    bufferedAmount,
    readyState: 1,
    send: (...all: unknown[]) => void sent.push(all[0]),
    close: (code: number) => void closed.push(code),
    emit: () => true,
    once: () => undefined,
  };
}

/** As the `ws` package is called. */
function send(socket: object, ...sent: unknown[]): void {
  (socket as { send: (...sent: unknown[]) => void }).send(...sent);
}

describe("over WebSocket", () => {
  async function serve(limited: boolean) {
    const app = makeApp();
    const wss = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    if (limited) limitWebSocketBuffer(wss);
    applyWSSHandler({ wss, router: app.router, createContext: () => ann });
    await once(wss, "listening");
    const sockets: WebSocket[] = [];
    const codes: number[] = [];
    class Noted extends WebSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
        this.on("close", (code) => codes.push(code));
      }
    }
    const url = `ws://127.0.0.1:${(wss.address() as AddressInfo).port}`;
    const client = createWSClient({ url, WebSocket: Noted as never, retryDelayMs: () => 1 });
    const trpc = createTRPCClient<App>({ links: [wsLink({ client })] });
    /** Watches, stops reading behind the first event while the call runs, and reads on. */
    const stall = async (beside?: () => void) => {
      const seqs: number[] = [];
      const [began, ended] = [held(), held()];
      trpc.calls.watch.subscribe(
        { calls: [{ id: await app.start() }] },
        {
          onData({ data }) {
            if ("event" in data) seqs.push(data.event.seq);
            began.resolve();
          },
          onComplete: ended.resolve,
        },
      );
      await began.promise;
      sockets[0]!.pause();
      let most = 0;
      beside?.();
      await app.run(async () => {
        await turn();
        for (const socket of wss.clients) most = Math.max(most, socket.bufferedAmount);
      });
      sockets[0]!.resume();
      await ended.promise;
      return { seqs, most, codes };
    };
    const flood = () => void trpc.flood.subscribe(undefined, {});
    /** Watches, stops reading, and leaves while the watch waits. */
    const leave = async (how: "stop" | "terminate") => {
      const began = held();
      const watching = trpc.calls.watch.subscribe({ calls: [{ id: await app.start() }] }, { onData: () => began.resolve() });
      await began.promise;
      const socket = sockets.at(-1)!;
      socket.pause();
      await app.run(turn);
      await vi.waitFor(() => expect([...wss.clients].some(({ bufferedAmount }) => bufferedAmount > 0)).toBe(true), patience);
      expect(app.engine.subscribed()).toBe(1);
      if (how === "terminate") socket.terminate();
      watching.unsubscribe();
      await vi.waitFor(() => expect(app.engine.subscribed()).toBe(0), patience);
      socket.resume();
    };
    return {
      stall,
      flood,
      leave,
      async [Symbol.asyncDispose]() {
        await client.close();
        for (const socket of wss.clients) socket.terminate();
        wss.close();
      },
    };
  }

  test("a watch waits: little is buffered, and the client gets everything once, in order, when it reads on", async () => {
    await using server = await serve(true);
    const { seqs, most, codes } = await server.stall();
    expect(most).toBeLessThanOrEqual(2 * eventBytes);
    expect(codes).toEqual([]);
    expect(seqs).toEqual(everySeq);
  });

  test("what cannot wait closes the connection at 1 MB with 1013, and the watch goes on where it was", async () => {
    await using server = await serve(true);
    const { seqs, most, codes } = await server.stall(server.flood);
    expect(most).toBeLessThanOrEqual(1_000_000);
    expect(most).toBeGreaterThan(500_000);
    expect(codes).toEqual([1013]);
    expect(seqs).toEqual(everySeq);
  });

  test("without the limit everything would have been buffered: the measure measures", async () => {
    await using server = await serve(false);
    const { seqs, most, codes } = await server.stall();
    expect(most).toBeGreaterThan(10_000_000);
    expect(codes).toEqual([]);
    expect(seqs).toEqual(everySeq);
  });

  test("a watch that waits for a client ends at once when the client stops it, or is gone", async () => {
    await using server = await serve(true);
    await server.leave("stop");
    await server.leave("terminate");
  });

  test("a message that is larger than the limit is sent to whoever has read the others", () => {
    const sent: unknown[] = [];
    const closed: number[] = [];
    const socket = fakeSocket({ bufferedAmount: 0, sent, closed });
    limitWebSocketBuffer({ clients: [socket], on: () => undefined }, { maxBytes: 10 });
    send(socket, "x".repeat(100));
    expect([sent.length, closed]).toEqual([1, []]);
    socket.bufferedAmount = 5;
    send(socket, "ééé");
    expect([sent.length, closed]).toEqual([1, [1013]]);
  });

  test("who sends is told that it was not sent, and a socket that is closing is left alone", async () => {
    const closed: number[] = [];
    const socket = fakeSocket({ bufferedAmount: 5, sent: [], closed });
    limitWebSocketBuffer({ clients: [socket], on: () => undefined }, { maxBytes: 10 });
    const told = held<unknown>();
    send(socket, new Uint8Array(6), {}, told.resolve);
    expect(await told.promise).toMatchObject({ message: expect.stringContaining("1013") as string });
    socket.readyState = 2;
    send(socket, "x".repeat(100));
    expect(closed).toEqual([1013]);
  });

  test.each([{ maxBytes: 0 }, { maxBytes: 1.5 }, { maxBytes: "1 MB" }])("the limit %j is refused", (limits) => {
    expect(() => limitWebSocketBuffer({ clients: [], on: () => undefined }, limits as never)).toThrow("Invalid maxBytes");
    expect(() => limitWebSocketBuffer({} as never)).toThrow("Invalid server");
  });
});

test("over server-sent events the server waits for who does not read, and at most 1 MB is buffered", async () => {
  const app = makeApp();
  const responses: ServerResponse[] = [];
  const handler = createHTTPHandler({ router: app.router, createContext: () => ann });
  const server = createServer((request, response) => {
    responses.push(response);
    handler(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket: Socket = connect(port, "127.0.0.1");
  let text = "";
  socket.on("data", (bytes) => (text += bytes.toString("latin1")));
  const input = encodeURIComponent(JSON.stringify({ calls: [{ id: await app.start() }] }));
  socket.write(`GET /calls.watch?input=${input} HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\r\n`);
  await vi.waitFor(() => expect(text).toContain('"queued"'), patience);
  socket.pause();
  let most = 0;
  await app.run(async () => {
    await turn();
    most = Math.max(most, responses[0]!.writableLength);
  });
  expect(most).toBeLessThanOrEqual(1_000_000);
  expect(text.length).toBeLessThan(1_000_000);
  socket.resume();
  await vi.waitFor(() => expect(text).toContain('"succeeded"'), patience);
  expect([...text.matchAll(/"seq":(\d+),/g)].map(([, seq]) => Number(seq))).toEqual(everySeq);
  socket.destroy();
  server.close();
  server.closeAllConnections();
});
