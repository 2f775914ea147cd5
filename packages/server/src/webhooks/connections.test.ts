/** Where a webhook of the network `public` never connects to. What names stand for is this test's to say: it stands in for the look-up alone. */
import dns from "node:dns";
import { type ServerResponse, createServer as createHttpServer } from "node:http";
import { request } from "node:https";
import { createServer, type AddressInfo } from "node:net";
import { syncBuiltinESMExports } from "node:module";
import { describe, expect, onTestFinished, test } from "vitest";

import { secretOf } from "../../test/support/endpoint.ts";
import { webhookConnections } from "./connections.ts";
import { resolveEndpoints } from "./endpoint.ts";
import { post } from "./post.ts";

type Addresses = readonly string[];

/** Answers look-ups in turn, the last answer for ever. */
function answerLookups(...answers: readonly [Addresses, ...Addresses[]]): { asked: () => number } {
  const { lookup } = dns;
  let asked = 0;
  dns.lookup = ((_name: string, options: { all?: boolean }, done: (error: null, ...answer: unknown[]) => void) => {
    const addresses = answers[Math.min(asked++, answers.length - 1)]!.map((address) => ({
      address,
      family: address.includes(":") ? 6 : 4,
    }));
    setImmediate(() => (options.all === true ? done(null, addresses) : done(null, addresses[0]!.address, addresses[0]!.family)));
  }) as typeof dns.lookup;
  syncBuiltinESMExports();
  onTestFinished(() => {
    dns.lookup = lookup;
    syncBuiltinESMExports();
  });
  return { asked: () => asked };
}

/** What a post to a host's name fails with. */
async function faultOf(url: string): Promise<Error> {
  const endpoint = resolveEndpoints({ a: { url, secrets: [secretOf(1)] } }).get("a")!;
  const agent = await webhookConnections().agentOf(endpoint);
  const { promise, resolve, reject } = Promise.withResolvers<Error>();
  request(endpoint.url, { agent, signal: AbortSignal.timeout(5_000) }, () => reject(new Error("It was answered.")))
    .on("error", resolve)
    .end();
  return await promise;
}

/** A server of this machine that nobody from outside should reach; it counts who does. */
async function openInner() {
  let connections = 0;
  const inner = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => inner.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void inner.close());
  return { port: (inner.address() as AddressInfo).port, connections: () => connections };
}

/** Each of them is one that must not be connected to. */
const innerAddresses: Addresses = [
  ..."127.0.0.1 127.1.2.3 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.254 192.168.0.1 192.168.255.255".split(
    " ",
  ),
  ..."169.254.169.254 169.254.0.1 168.63.129.16 100.64.0.1 100.100.100.200 100.127.255.254 192.0.0.1 192.0.0.192 192.0.2.1".split(" "),
  ..."198.18.0.1 198.19.255.254 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255".split(" "),
  ...":: ::1 fc00::1 fd00::1 fd00:ec2::254 fe80::1 febf::1 ff02::1 ff0e::1 2001:db8::1 2001::1 2002:7f00:1::".split(" "),
  ..."::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:7f00:1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 100::1".split(" "),
];

describe("a webhook of the network public", () => {
  test.each(innerAddresses)("refuses a name that stands for %s, before it connects", async (address) => {
    answerLookups([address]);
    expect((await faultOf("https://hooks.example.com/")).message).toMatch(/^DNS lookup/);
  });

  test("refuses a name that stands for an inner address beside others", async () => {
    answerLookups(["93.184.216.34", "2606:2800:220:1::1", "127.0.0.1"]);
    expect((await faultOf("https://hooks.example.com/")).message).toMatch(/^DNS lookup/);
  });

  test.each([
    ..."https://127.0.0.1/ https://2130706433/ https://0x7f000001/ https://0177.0.0.1/ https://127.1/ https://0/ https://0x7f.0.0.1/".split(
      " ",
    ),
    ..."https://[::1]/ https://[::]/ https://[::ffff:127.0.0.1]/ https://[::ffff:a00:1]/ https://[fe80::1]/ https://127。0。0。1/".split(
      " ",
    ),
    ..."https://①②⑦.0.0.1/ https://169.254.169.254/latest/meta-data/ https://10.0.0.1:443/ https://3232235521/ http://example.com/".split(
      " ",
    ),
    ..."ftp://example.com/ file:///etc/passwd gopher://example.com/ https://a@127.0.0.1/ https://example.com:pass@10.0.0.1/".split(" "),
  ])("is refused where %s is written", (url) => {
    expect(() => resolveEndpoints({ a: { url, secrets: [secretOf(1)] } })).toThrow(/webhooks\.a\.url/);
  });

  test("a name that stands for another address by the next try is looked up again, and refused", async () => {
    const inner = await openInner();
    const { port } = inner;
    // The first is a name that nobody answers at: the second time it stands for this machine.
    const lookups = answerLookups(["10.0.0.1"], ["127.0.0.1"]);
    for (const _ of [1, 2]) expect((await faultOf(`https://hooks.example.com:${port}/`)).message).toMatch(/^DNS lookup/);
    expect(lookups.asked()).toBe(2);
    expect(inner.connections()).toBe(0);
  });

  test("the twin: a webhook of the network private does connect there", async () => {
    const inner = await openInner();
    const { port } = inner;
    answerLookups(["127.0.0.1"]);
    const endpoint = resolveEndpoints({ a: { url: `https://hooks.example.com:${port}/`, secrets: [secretOf(1)], network: "private" } }).get(
      "a",
    )!;
    const agent = await webhookConnections().agentOf(endpoint);
    const { promise, resolve } = Promise.withResolvers<Error>();
    request(endpoint.url, { agent }).on("error", resolve).end();
    await promise;
    expect(inner.connections()).toBe(1);
  });
});

test("a thousand endpoints on one host share its sixteen connections", async () => {
  let most = 0;
  const waiting = new Set<ServerResponse>();
  const answerAll = (): void => {
    for (const response of waiting) response.writeHead(204).end();
    waiting.clear();
  };
  let seen = 0;
  const server = createHttpServer((_, response) => {
    waiting.add(response);
    most = Math.max(most, waiting.size);
    seen += 1;
    if (waiting.size === 16 || seen === 1_000) answerAll();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const names = Array.from({ length: 1_000 }, (_, index) => `e${index}`);
  const given = Object.fromEntries(names.map((name) => [name, { url: `${url}${name}`, secrets: [secretOf(1)], network: "private" }]));
  const connections = webhookConnections();
  const signal = AbortSignal.timeout(15_000);
  const posts = Array.from(resolveEndpoints(given).values(), async (endpoint) =>
    post({ url: endpoint.url, headers: {}, body: "{}", agent: await connections.agentOf(endpoint), signal }),
  );
  expect(new Set((await Promise.all(posts)).map(({ status }) => status))).toEqual(new Set([204]));
  expect(most).toBe(16);
});
