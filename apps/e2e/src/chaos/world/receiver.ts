/** The endpoint of the run's webhooks: a server of somebody else's, which often fails. */
import { randomBytes } from "node:crypto";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { type WebhookMessage, verifyWebhook } from "@raincheck/server/webhooks";
import type { Historian } from "../history.ts";
import type { Random } from "../random.ts";

/**
 * What becomes of a message that was received whole: it is taken; answered with a status that is no 2xx; or its connection is dropped, or held
 * without an answer.
 */
export type ReceiverAnswer = keyof typeof weights;

/** How often it does which. */
const weights = { taken: 65, refused: 20, dropped: 10, hung: 5 };

/** Those that are no 2xx, with what else they say: a redirect leads to where nothing is taken. */
const refusals: readonly (readonly [number, Readonly<Record<string, string>>])[] = [
  [500, {}],
  [503, { "retry-after": "1" }],
  [429, { "retry-after": "0" }],
  [302, { location: "/elsewhere" }],
  [404, {}],
];

/** A running receiver. Disposing ends it, with whoever still waits for an answer. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  /** What its messages are signed with. */
  readonly secret: string;
}

/** Opens one on a port of its own. Whatever comes is noted before it is answered. */
export async function openReceiver({ note, random }: { readonly note: Historian; readonly random: Random }): Promise<Receiver> {
  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const answer = random.weighted(weights);
    try {
      if (request.url !== "/hooks") throw new Error(`It went to ${request.url}.`);
      const message = verifyWebhook({ headers: request.headers, body }, { secrets: [secret] });
      note({ kind: "posted", id: String(request.headers["webhook-id"]), ...endOf(message), answer });
    } catch (error) {
      note({ kind: "post-refused", message: String(error) });
    }
    if (answer === "taken") response.writeHead(204).end();
    else if (answer === "refused") response.writeHead(...random.pick(refusals)).end("not now");
    else if (answer === "dropped") request.socket.destroy();
  };
  const server = createServer((request, response) => {
    // Who posts may be killed in the middle of it: then nothing was received.
    receive(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((listening) => {
    server.listen(0, "127.0.0.1", listening);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    secret,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function endOf(message: WebhookMessage): { readonly call: string; readonly state: string; readonly value: string } {
  const { data } = message;
  const value = "output" in data ? data.output : "failure" in data ? data.failure : null;
  return { call: data.id, state: message.type.slice("call.".length), value: JSON.stringify(value) };
}
