import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What was posted. */
export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A webhook's receiver on this machine. */
export interface TestEndpoint extends AsyncDisposable {
  readonly url: string;
  readonly received: readonly Received[];
  /** Connections that were made to it. */
  readonly connections: () => number;
}

/** Opens a receiver. @param answer answers each request once its body is there. Default: with 204. */
export async function openEndpoint(
  answer: (response: ServerResponse, request: IncomingMessage, received: Received) => void = (response) =>
    void response.writeHead(204).end(),
): Promise<TestEndpoint> {
  const received: Received[] = [];
  let connections = 0;
  const server = createServer(async (request, response) => {
    response.on("error", () => {});
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const one = { headers: request.headers, body: Buffer.concat(chunks).toString() };
    received.push(one);
    answer(response, request, one);
  });
  server.on("connection", () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hooks?for=invoices`,
    received,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A secret of 32 bytes, all the same. */
export const secretOf = (byte: number): string => `whsec_${Buffer.alloc(32, byte).toString("base64")}`;
