import { type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { postgresEngine } from "@raincheck/engine/postgres";
import { FinalError } from "@raincheck/protocol";
import { type WebhookEndpoint, initRaincheck } from "@raincheck/server";
import { verifyWebhook } from "@raincheck/server/webhooks";
import { runWorker } from "@raincheck/worker";
import { initTRPC } from "@trpc/server";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";

const secretOf = (byte: number): string => `whsec_${Buffer.alloc(32, byte).toString("base64")}`;

/** A receiver that verifies what it gets, and answers as it is told. */
async function openReceiver(opened: AsyncDisposableStack) {
  const receiver = {
    secrets: [secretOf(1)],
    answer: (response: ServerResponse): void => void response.writeHead(204).end(),
    /** The ids of the messages, in order of arrival. */
    ids: [] as string[],
    outputs: [] as unknown[],
    refused: [] as unknown[],
    url: "",
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    try {
      const { data } = verifyWebhook({ headers: request.headers, body: Buffer.concat(chunks) }, { secrets: receiver.secrets });
      receiver.ids.push(data.id);
      receiver.outputs.push("output" in data ? data.output : null);
    } catch (error) {
      receiver.refused.push(error);
    }
    receiver.answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return receiver;
}

/** An API, and a worker that runs calls and posts their ends, on one database. */
async function application(options: Partial<WebhookEndpoint> = {}) {
  await using opening = new AsyncDisposableStack();
  const { name: schema, url } = opening.use(await testSchema());
  const receiver = await openReceiver(opening);
  const opened = opening.move();
  const part = (endpoint: Partial<WebhookEndpoint> = {}) => {
    // The keeper looks every 400 ms; the poll is of no help to anybody here.
    const engine = opened.adopt(postgresEngine({ url, schema, pollMs: 60_000 }), (one) => one.stop());
    const invoices = { url: receiver.url, secrets: [secretOf(1)], network: "private", ...options, ...endpoint } as const;
    const raincheck = initRaincheck.context<object>().create({ engine, principal: () => "ada", webhooks: { invoices } });
    const t = initTRPC.create();
    const book = raincheck.deferrable(t.procedure.input(z.number()), { retry: { attempts: 1 } }).mutation(({ input }) => {
      if (input < 0) throw new FinalError("no seats");
      return input;
    });
    const other = raincheck.deferrable(t.procedure.input(z.number())).mutation(({ input }) => input);
    const router = raincheck.bind(t.router({ book, other, calls: raincheck.calls(t.procedure) }));
    return { raincheck, router };
  };
  const api = part();
  const work = async (endpoint: Partial<WebhookEndpoint> = {}) => {
    const { raincheck } = part(endpoint);
    const worker = await runWorker({ raincheck, signals: false, shutdownGrace: "0 millis", log: () => undefined });
    opened.defer(() => worker.stop());
    return worker;
  };
  const start = (input: number) => api.raincheck.start(api.router.book, input, { ctx: {}, webhook: "invoices" });
  const startOther = (input: number) => api.raincheck.start(api.router.other, input, { ctx: {}, webhook: "invoices" });
  const plain = (input: number) => api.raincheck.start(api.router.book, input, { ctx: {} });
  return {
    receiver,
    work,
    start,
    startOther,
    plain,
    webhook: api.raincheck.webhook("invoices"),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

const soon = { timeout: 15_000 };

describe("a webhook", () => {
  test("is posted once for each call that ended, however it did, verified by its receiver", async () => {
    await using app = await application();
    await app.work();
    const handles = await Promise.all([1, 2, -1].map((input) => app.start(input)));
    await expect.poll(() => app.receiver.ids.length, soon).toBe(3);
    expect(new Set(app.receiver.ids)).toEqual(new Set(handles.map(({ id }) => id)));
    expect(new Set(app.receiver.outputs)).toEqual(new Set([1, 2, null]));
    await expect.poll(async () => (await app.webhook.messages({ state: "succeeded" })).messages.length, soon).toBe(3);
  });

  test("comes again under the same id until it is taken, and the call stays as it ended", async () => {
    await using app = await application({ retry: { initialDelay: "10 millis", jitter: false } });
    await app.work();
    const answers = [500, 503, 429, 302];
    app.receiver.answer = (response) => {
      const status = answers.shift();
      if (answers.length === 2) response.destroy();
      else response.writeHead(status ?? 204, status === 302 ? { location: "/elsewhere" } : {}).end();
    };
    const handle = await app.start(1);
    const sent = async () => (await app.webhook.messages({ call: handle.id })).messages;
    await expect.poll(sent, soon).toMatchObject([{ state: "succeeded", attempts: 5 }]);
    expect(app.receiver.ids).toEqual(Array.from({ length: 5 }, () => handle.id));
    expect(await handle.get()).toMatchObject({ state: "succeeded", output: 1, attempt: 1 });
  });

  test("that was given up, or taken, is posted again when it is asked for", async () => {
    await using app = await application({ retry: { attempts: 2, initialDelay: "10 millis" } });
    await app.work();
    app.receiver.answer = (response) => void response.writeHead(500).end();
    const { id } = await app.start(1);
    await expect.poll(async () => (await app.webhook.messages({ state: "failed" })).messages, soon).toHaveLength(1);
    const [dead] = (await app.webhook.messages({ call: id })).messages;
    expect(dead).toMatchObject({ attempts: 2, failure: { code: "WEBHOOK_NOT_TAKEN" } });
    app.receiver.answer = (response) => void response.writeHead(204).end();
    await app.webhook.retry(dead!.id);
    await expect.poll(async () => (await app.webhook.messages({ state: "succeeded" })).messages, soon).toHaveLength(1);
    const [taken] = (await app.webhook.messages({ state: "succeeded" })).messages;
    await app.webhook.replay(taken!.id);
    await expect.poll(() => app.receiver.ids, soon).toEqual([id, id, id, id]);
  });

  test("whose endpoints hang hold up half of a worker at most, and no call", async () => {
    await using app = await application({ timeout: "5 minutes" });
    const worker = await app.work();
    app.receiver.answer = () => undefined;
    await Promise.all(Array.from({ length: 24 }, (_, index) => Promise.all([app.start(index), app.startOther(index)])));
    await expect.poll(() => app.receiver.ids.length, soon).toBe(8);
    const handles = await Promise.all(Array.from({ length: 24 }, (_, index) => app.plain(index)));
    expect(await Promise.all(handles.map((handle) => handle.result()))).toHaveLength(24);
    expect(app.receiver.ids).toHaveLength(8);
    expect(worker.status().running).toBe(8);
  });

  test("stays verified while its secret is changed under load: first the signer has both, then the receiver, then the signer only the new", async () => {
    await using app = await application({ secrets: [secretOf(1), secretOf(2)] });
    const both = await app.work();
    const started: string[] = [];
    const load = async (): Promise<void> => {
      const handles = await Promise.all(Array.from({ length: 30 }, (_, index) => app.start(index)));
      started.push(...handles.map(({ id }) => id));
    };
    await load();
    app.receiver.secrets = [secretOf(2)];
    await load();
    await app.work({ secrets: [secretOf(2)] });
    const more = load();
    await both.stop();
    await more;
    await load();
    await expect.poll(() => new Set(app.receiver.ids).size, soon).toBe(started.length);
    expect(new Set(app.receiver.ids)).toEqual(new Set(started));
    expect(app.receiver.refused).toEqual([]);
  });

  test("the twin: a receiver that lost its secret refuses all of them", async () => {
    await using app = await application({ retry: { attempts: 1 } });
    await app.work();
    app.receiver.secrets = [secretOf(9)];
    await app.start(1);
    await expect.poll(() => app.receiver.refused, soon).toMatchObject([{ _tag: "WebhookRefused" }]);
    expect(app.receiver.ids).toEqual([]);
  });
});
