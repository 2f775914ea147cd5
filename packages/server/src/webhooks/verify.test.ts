import superjson from "superjson";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";

import { secretOf } from "../../test/support/endpoint.ts";
import { verifyWebhook } from "./verify.ts";

const secret = secretOf(1);
const id = "0198a6f0-0000-7000-8000-000000000000";
const told = { id, path: "book", repeats: null, attempt: 1 };
const message = {
  type: "call.succeeded",
  timestamp: "2026-01-01T00:00:00.000Z",
  data: { ...told, output: { seats: 2 }, isOutputOmitted: false },
};
const body = JSON.stringify(message);

function signed(text = body, { sentAt = new Date(), secrets = [secret], id: messageId = id } = {}) {
  return {
    "webhook-id": messageId,
    "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1_000)),
    "webhook-signature": secrets.map((one) => new Webhook(one).sign(messageId, sentAt, text)).join(" "),
  };
}

const minutesAgo = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);

describe("a message that was signed", () => {
  test("is read, from headers and bodies as servers give them", () => {
    const headers = signed();
    const ofAnother = { get: (name: string) => new Headers(headers).get(name) };
    for (const given of [
      headers,
      new Headers(headers),
      ofAnother,
      { ...headers, "Webhook-Id": id, "webhook-id": undefined, host: ["a", "b"] },
    ])
      for (const text of [body, Buffer.from(body), new TextEncoder().encode(body)])
        expect(verifyWebhook({ headers: given, body: text }, { secrets: [secret] })).toEqual(message);
  });

  test("is taken with the old secret, the new one, and both, while they change", () => {
    const other = secretOf(2);
    for (const secrets of [[secret], [other], [secret, other]])
      for (const known of [
        [secret, other],
        [other, secret],
      ])
        expect(verifyWebhook({ headers: signed(body, { secrets }), body }, { secrets: known })).toEqual(message);
  });

  test("gives the output back as it was, with the router's transformer", () => {
    const at = new Date(0);
    const text = JSON.stringify({ ...message, data: { ...told, output: superjson.serialize({ at }), isOutputOmitted: false } });
    const read = verifyWebhook({ headers: signed(text), body: text }, { secrets: [secret], transformer: superjson });
    expect(read.data).toMatchObject({ output: { at } });
  });
});

describe("a request is refused", () => {
  test.each([
    ["whose body was changed", signed(), `${body} `],
    ["whose id was changed", { ...signed(), "webhook-id": "another" }, body],
    ["whose time was changed", { ...signed(), "webhook-timestamp": String(Math.floor(Date.now() / 1_000) - 7) }, body],
    ["that was sent six minutes ago", signed(body, { sentAt: minutesAgo(6) }), body],
    ["that will be sent in six minutes", signed(body, { sentAt: minutesAgo(-6) }), body],
    ["whose signature is cut", { ...signed(), "webhook-signature": signed()["webhook-signature"].slice(0, -4) }, body],
    ["whose signature is empty", { ...signed(), "webhook-signature": "v1," }, body],
    ["that another has signed", signed(body, { secrets: [secretOf(3)] }), body],
    ["of another version of signatures", { ...signed(), "webhook-signature": signed()["webhook-signature"].replace("v1", "v2") }, body],
    ["that is not signed", { ...signed(), "webhook-signature": undefined }, body],
    ["with two ids", { ...signed(), "Webhook-Id": id }, body],
    ["with a mark before its body", signed(), Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(body)])],
    ["that is no JSON", signed("hello"), "hello"],
  ])("%s", (_, headers, text) => {
    expect(() => verifyWebhook({ headers, body: text }, { secrets: [secret] })).toThrow(
      expect.objectContaining({ _tag: "WebhookRefused" }) as Error,
    );
  });
});

test("a body that was parsed, and no secrets, are the receiver's own mistake", () => {
  expect(() => verifyWebhook({ headers: signed(), body: message as never }, { secrets: [secret] })).toThrow(/as it came/);
  expect(() => verifyWebhook({ headers: signed(), body }, { secrets: [] })).toThrow(/at least one secret/);
  for (const none of [undefined, "", "whsec_", "whsec_canary!"])
    expect(() => verifyWebhook({ headers: signed(), body }, { secrets: [none as string] })).toThrow(
      /a secret that is none: is its environment/,
    );
  expect(() => verifyWebhook({ headers: undefined as never, body }, { secrets: [secret] })).toThrow(/the request's headers/);
});
