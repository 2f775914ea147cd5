import { Agent } from "node:https";
import { describe, expect, test } from "vitest";

import { secretOf } from "../../test/support/endpoint.ts";
import { resolveEndpoints } from "./endpoint.ts";

const good = { url: "https://example.com/hooks", secrets: [secretOf(1)] };

function refusal(endpoint: object | null, name = "invoices"): Error {
  try {
    resolveEndpoints({ [name]: endpoint });
  } catch (error) {
    return error as Error;
  }
  throw new Error("It was not refused.");
}

describe("an endpoint", () => {
  test("has its defaults", () => {
    const endpoint = resolveEndpoints({ invoices: good }).get("invoices")!;
    expect(endpoint).toMatchObject({
      name: "invoices",
      network: "public",
      headers: {},
      maxBytes: 1_048_576,
      timeoutMs: 15_000,
      agent: null,
    });
    expect(endpoint.policy).toMatchObject({
      timeoutMs: 20_000,
      retry: { attempts: 12, initialDelayMs: 5_000, factor: 3, maxPerSecond: 10 },
    });
    expect(resolveEndpoints(undefined).size).toBe(0);
    const absent = resolveEndpoints({ invoices: { ...good, url: new URL(good.url), retry: { attempts: undefined } } }).get("invoices")!;
    expect(absent.policy.retry.attempts).toBe(12);
  });

  test.each([
    ["an http: address", { ...good, url: "http://example.com/" }, /webhooks\.invoices\.url: http:\/\/example\.com….*https:/],
    ["no address", { ...good, url: "example.com" }, /expected an https: URL/],
    ["another protocol", { ...good, url: "file:///etc/passwd" }, /expected an https: URL/],
    ["a number for a host", { ...good, url: "https://93.184.216.34/" }, /expected a host's name/],
    ["a number in other words", { ...good, url: "https://0x7f.1/" }, /127\.0\.0\.1….*expected a host's name/],
    ["a number of six", { ...good, url: "https://[::1]/" }, /expected a host's name/],
    ["a password", { ...good, url: "https://ann:pass@example.com/" }, /no user name and no password/],
    ["a fragment", { ...good, url: "https://example.com/#a" }, /no fragment/],
    ["no secrets", { ...good, secrets: [] }, /a list of 1 to 5 secrets/],
    ["a secret that is text", { ...good, secrets: ["correct horse battery staple"] }, /secrets\[0\]: expected "whsec_"/],
    ["a short secret", { ...good, secrets: [secretOf(1), `whsec_${Buffer.alloc(23, 1).toString("base64")}`] }, /secrets\[1\]/],
    ["a header that is the webhook's own", { ...good, headers: { "Webhook-Id": "1" } }, /Webhook-Id is set by the webhook itself/],
    ["a header of two lines", { ...good, headers: { "x-a": "1\r\nx-b: 2" } }, /"x-a" is no header, or its value cannot be one/],
    ["a long time", { ...good, timeout: "6 minutes" }, /webhooks\.invoices\.timeout.*at most "5 minutes"/],
    ["a bad policy", { ...good, retry: { attempts: 0 } }, /webhooks\.invoices.*retry\.attempts: 0/],
    ["a network that there is not", { ...good, network: "intranet" }, /"public" or "private"/],
    [
      "an unknown option",
      { ...good, secret: "x" },
      /Unknown option webhooks\.invoices\.secret\. Did you mean webhooks\.invoices\.secrets\?/,
    ],
    ["headers that are no plain object", { ...good, headers: new Headers({ a: "1" }) }, /headers: expected a plain object of strings/],
    ["headers in pairs", { ...good, headers: [["a", "1"]] }, /headers: expected a plain object of strings/],
    ["a header that is a list", { ...good, headers: { a: ["1"] } }, /"a" is no header, or its value cannot be one/],
    ["a question about errors", { ...good, retry: { when: () => true } }, /the endpoint's answer says/],
    ["no policy", { ...good, retry: null }, /webhooks\.invoices\.retry: null/],
    ["nothing", null, /an object with url and secrets/],
  ])("with %s is refused", (_, endpoint, message) => {
    expect(refusal(endpoint)).toMatchObject({ _tag: "InvalidOption", message: expect.stringMatching(message) as string });
  });

  test("with a name that is no queue's is refused", () => {
    expect(refusal(good, "a/b").message).toContain("64 letters");
  });

  test("may be in the own network, or behind an agent, when that is said", () => {
    for (const url of ["http://127.0.0.1:3000/hooks", "https://10.0.0.1/", "http://billing.internal/"]) {
      expect(() => resolveEndpoints({ a: { ...good, url, network: "private" }, b: { ...good, url, agent: new Agent() } })).not.toThrow();
    }
  });

  test("never has its secrets, its headers or the rest of its address shown", () => {
    const secret = "whsec_canary";
    const messages = [
      refusal({ ...good, secrets: [secret] }),
      refusal({ ...good, secrets: secret }),
      refusal({ ...good, headers: { authorization: "canary\n" } }),
      refusal({ ...good, agent: "http://ann:canary@proxy.example.com" }),
      refusal({ ...good, url: "http://example.com/canary?canary=1" }),
      refusal({ ...good, url: "https://canary:canary@example.com/" }),
    ].map(({ message }) => message);
    for (const message of messages) expect(message).not.toContain("canary");
    for (const webhooks of ["canary", ["canary"], { a: "https://canary.example.com" }, { a: ["canary"] }])
      expect(() => resolveEndpoints(webhooks)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining("canary") as string }) as Error,
      );
  });
});
