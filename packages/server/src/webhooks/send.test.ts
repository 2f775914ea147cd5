import { FinalError } from "@raincheck/protocol";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";

import { runNext } from "../../test/support/attempt-driver.ts";
import { openEndpoint, secretOf } from "../../test/support/endpoint.ts";
import { type TestContext, ann, authed, rejection, t, unknownId } from "../../test/support/harness.ts";
import { initRaincheck } from "../index.ts";
import { spiedEngine } from "../../test/support/spied-engine.ts";
import type { WebhookEndpoint } from "./endpoint.ts";
import { verifyWebhook } from "./verify.ts";

const secrets = [secretOf(1)];

function app(url: string, options: Partial<WebhookEndpoint> = {}) {
  const raincheck = initRaincheck.context<TestContext>().create({
    engine: spiedEngine({}),
    principal: (ctx) => ctx.user,
    capture: (ctx) => ({ user: ctx.user }),
    restore: ({ user }) => ({ user }),
    webhooks: { invoices: { url, secrets, network: "private", ...options } },
  });
  const book = raincheck.deferrable(authed.input(z.number())).mutation(({ input }) => {
    if (input > 2) throw new FinalError("no seats");
    return { seats: input, of: "x".repeat(input * 1_000) };
  });
  raincheck.bind(t.router({ book, calls: raincheck.calls(t.procedure) }));
  const runtime = raincheck["~raincheck"];
  const [queue] = runtime.webhookQueues();
  const start = (input: number) => raincheck.start(book, input, { ctx: ann, webhook: "invoices" });
  /** Runs a call to its end, and tries to post that. */
  const startAndPost = async (input = 1, signal?: AbortSignal) => {
    const { id } = await start(input);
    await runNext(runtime);
    return { id, ...(await runNext(runtime, { queue: queue!, ...(signal && { signal }) })) };
  };
  return { raincheck, runtime, book, start, startAndPost, queue: queue!, webhook: raincheck.webhook("invoices") };
}

describe("a webhook", () => {
  test("is posted with what says how the call ended, signed, under the call's id", async () => {
    await using endpoint = await openEndpoint();
    const { startAndPost, webhook } = app(endpoint.url, { headers: { authorization: "Bearer 1" }, secrets: [secretOf(2), secretOf(1)] });
    const succeeded = await startAndPost(1);
    const failed = await startAndPost(3);
    expect(succeeded).toMatchObject({ error: undefined, settled: "settled" });
    const [first, second] = endpoint.received;
    expect(first!.headers).toMatchObject({ "webhook-id": succeeded.id, "content-type": "application/json", authorization: "Bearer 1" });
    const told = { path: "book", repeats: null, attempt: 1 };
    const timestamp = expect.any(String) as string;
    for (const byte of [1, 2])
      expect(verifyWebhook(first!, { secrets: [secretOf(byte)] })).toEqual({
        type: "call.succeeded",
        timestamp,
        data: { ...told, id: succeeded.id, output: { seats: 1, of: "x".repeat(1_000) }, isOutputOmitted: false },
      });
    expect(verifyWebhook(second!, { secrets })).toEqual({
      type: "call.failed",
      timestamp,
      data: { ...told, id: failed.id, failure: { code: "FAILED", message: "no seats" } },
    });
    const { messages } = await webhook.messages({ call: succeeded.id });
    expect(messages).toMatchObject([{ call: succeeded.id, path: "book", state: "succeeded", attempts: 1, failure: null }]);
    expect((await webhook.messages()).messages.map(({ call }) => call)).toEqual([failed.id, succeeded.id]);
  });

  test("has the output left out when it is too long", async () => {
    await using endpoint = await openEndpoint();
    const { startAndPost } = app(endpoint.url, { maxBytes: 2_000 });
    await startAndPost(1);
    await startAndPost(2);
    const isOmitted = endpoint.received.map((one) => JSON.parse(one.body) as { data: object }).map(({ data }) => data);
    expect(isOmitted).toMatchObject([{ isOutputOmitted: false }, { isOutputOmitted: true }]);
    expect(isOmitted[1]).not.toHaveProperty("output");
  });

  test("goes over one connection, and the answer's body is nobody's concern", async () => {
    await using endpoint = await openEndpoint((response) => void response.writeHead(200).end("ok"));
    const { startAndPost } = app(endpoint.url);
    for (const _ of [1, 2, 3]) await startAndPost();
    expect(endpoint.received).toHaveLength(3);
    expect(endpoint.connections()).toBe(1);
  });

  test("that is posted again has its id as before", async () => {
    let status = 500;
    await using endpoint = await openEndpoint((response) => void response.writeHead(status).end());
    const { startAndPost, runtime, queue, webhook } = app(endpoint.url);
    const { id } = await startAndPost();
    status = 200;
    const [dead] = (await webhook.messages({ state: "failed" })).messages;
    expect(dead).toMatchObject({ call: id, failure: { code: "WEBHOOK_NOT_TAKEN", message: "The webhook invoices answered 500." } });
    expect(await webhook.retry(dead!.id)).toBe(true);
    expect(await webhook.retry(dead!.id)).toBe(false);
    expect(await rejection(webhook.replay(unknownId))).toMatchObject({ code: "NOT_FOUND" });
    await runNext(runtime, { queue });
    const [taken] = (await webhook.messages({ state: "succeeded" })).messages;
    expect(await rejection(webhook.retry(taken!.id))).toMatchObject({ code: "CONFLICT" });
    await webhook.replay(taken!.id);
    await runNext(runtime, { queue });
    expect(endpoint.received.map(({ headers }) => headers["webhook-id"])).toEqual([id, id, id]);
    expect(new Set(endpoint.received.map(({ body }) => body)).size).toBe(1);
    expect((await webhook.messages({ call: id })).messages.map(({ state }) => state)).toEqual(["succeeded", "succeeded", "failed"]);
  });

  test.each([
    [503, {}, { _tag: "RetryError", code: "WEBHOOK_NOT_TAKEN", after: expect.stringMatching(/^[45]\d\d\d millis$/) as string }],
    [429, { "retry-after": "120" }, { _tag: "RetryError", after: "120000 millis" }],
    [
      302,
      { location: "http://169.254.169.254/" },
      { _tag: "RetryError", message: expect.stringContaining("redirects are not followed") as string },
    ],
    [404, {}, { _tag: "RetryError" }],
    [410, {}, { _tag: "FinalError", code: "WEBHOOK_GONE" }],
  ])("that is answered %i with %j is not taken", async (status, headers, expected) => {
    await using endpoint = await openEndpoint((response) => void response.writeHead(status, headers).end());
    const { startAndPost } = app(endpoint.url);
    expect((await startAndPost()).error).toMatchObject(expected);
    expect(endpoint.received).toHaveLength(1);
  });

  test("that is answered with another protocol is not waited for", async () => {
    await using endpoint = await openEndpoint((response) => {
      response.socket!.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    });
    expect((await app(endpoint.url).startAndPost()).error).toMatchObject({ code: "WEBHOOK_NOT_REACHED" });
  });

  test("that is not answered in time is tried again", async () => {
    await using endpoint = await openEndpoint(() => undefined);
    const { error } = await app(endpoint.url, { timeout: "50 millis" }).startAndPost();
    expect(error).toMatchObject({
      _tag: "RetryError",
      code: "WEBHOOK_TIMED_OUT",
      after: expect.stringMatching(/^[45]\d\d\d millis$/) as string,
    });
  });

  test("that never is answered ends with the attempt, and its connection too", async () => {
    const closed = Promise.withResolvers<void>();
    await using endpoint = await openEndpoint((response) => void response.on("close", () => closed.resolve()));
    const { startAndPost } = app(endpoint.url);
    const attempt = new AbortController();
    const posted = startAndPost(1, attempt.signal);
    await vi.waitFor(() => expect(endpoint.received).toHaveLength(1), { timeout: 15_000 });
    attempt.abort(new Error("time is up"));
    expect((await posted).error).toMatchObject({ message: "time is up" });
    await closed.promise;
  });

  test("is taken once the head says so, though the body never ends, or is endless", async () => {
    const closed = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let sent = 0;
    await using endpoint = await openEndpoint((response) => {
      const index = endpoint.received.length - 1;
      response.on("close", () => closed[index]!.resolve());
      response.writeHead(200).write("o");
      if (index === 0) return;
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384))) sent += 16_384;
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    const { startAndPost } = app(endpoint.url);
    for (const _ of closed) expect(await startAndPost()).toMatchObject({ error: undefined });
    await Promise.all(closed.map(({ promise }) => promise));
    // What the two sockets hold beside what was read.
    expect(sent).toBeLessThan(8 * 1_048_576);
  });

  test("that cannot be reached says by which code, and no more", async () => {
    const { url } = await closedEndpoint();
    const { startAndPost, runtime } = app(url);
    const { error } = await startAndPost();
    expect(runtime.describe(error)).toMatchObject({
      final: false,
      failure: { code: "WEBHOOK_NOT_REACHED", message: "The webhook invoices could not be reached: ECONNREFUSED." },
    });
  });

  test("whose receiver drops the connection after it has read comes again", async () => {
    await using endpoint = await openEndpoint((response) => response.destroy());
    expect((await app(endpoint.url).startAndPost()).error).toMatchObject({ code: "WEBHOOK_NOT_REACHED" });
    expect(endpoint.received).toHaveLength(1);
  });
});

test("a webhook that create() was not given is refused where it is named", async () => {
  const { raincheck, book } = app("http://127.0.0.1:9/");
  const refused = { _tag: "InvalidOption", message: expect.stringContaining("there is: invoices") as string };
  expect(await rejection(raincheck.start(book, 1, { ctx: ann, webhook: "bills" as never }))).toMatchObject(refused);
  expect(() => raincheck.webhook("bills" as never)).toThrow(/there is: invoices/);
  const misspelt = { ctx: ann, webhooks: "invoices" };
  expect(await rejection(raincheck.start(book, 1, misspelt))).toMatchObject({
    message: expect.stringContaining("Did you mean options.webhook?") as string,
  });
});

async function closedEndpoint(): Promise<{ readonly url: string }> {
  await using endpoint = await openEndpoint();
  return { url: endpoint.url };
}
