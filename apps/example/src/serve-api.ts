import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { raincheck } from "./raincheck.ts";
import { appRouter } from "./router.ts";
import { Trouble, codeOf } from "./trouble.ts";
import { userOf } from "./users.ts";

/** Where to listen. */
export interface ServeApiOptions {
  /** 0: any free port. */
  readonly port: number;
  /** Default `127.0.0.1`: this machine only. */
  readonly host?: string;
}

/** A serving API. */
export interface Api extends AsyncDisposable {
  /** `http://127.0.0.1:4000`. */
  readonly url: string;
}

/**
 * Serves the router over HTTP: queries and mutations alone or in batches, subscriptions as server-sent events.
 *
 * @throws {Trouble} when the port cannot be had.
 */
export async function serveApi({ port, host = "127.0.0.1" }: ServeApiOptions): Promise<Api> {
  const trpc = createHTTPHandler({
    router: appRouter,
    createContext: async ({ req }) => ({ ...raincheck.http(req), user: await userOf(req.headers.authorization) }),
    responseMeta: (options) => raincheck.responseMeta(options),
    maxBatchSize: 50,
    maxBodySize: 1_048_576,
  });
  const server = createServer((request, response) => (request.url === "/" ? welcome(request, response) : trpc(request, response)));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    throw new Trouble(whyNoPort(error, port), { cause: error });
  }
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      // Subscriptions stay open for as long as their client likes: it will connect again, to the next API.
      server.closeAllConnections();
      await closed;
    },
  };
}

function whyNoPort(error: unknown, port: number): string {
  const code = codeOf(error);
  if (code === "EADDRINUSE")
    return `Port ${port} is taken: free it, choose another with --port or PORT, or leave both out for any free one.`;
  if (code === "EACCES") return `Port ${port} needs rights that this user does not have: choose one from 1024 with --port or PORT.`;
  return `The API cannot listen on port ${port} (${code}): choose another with --port or PORT.`;
}

const welcomeText = `Raincheck's example: flights of 2001, imported and reported by deferred tRPC calls.

  GET  /flights.imports                              the imports so far
  POST /flights.import   {"dataset":"flights-20k"}   with "Prefer: respond-async": 202, and the call to follow
  GET  /flights.report?input={"importId":"…"}        per airport and hour of the day
  GET  /flights.audit?input={"importId":"…"}         what is in the tables
  GET  /calls.get?input={"id":"…"}                   a call of yours

Every request wants "Authorization: Bearer …", with a token from .raincheck/example.json.
`;

function welcome(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8" }).end(welcomeText);
}
