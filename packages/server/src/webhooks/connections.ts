import type { Agent as HttpAgent } from "node:http";

import type { ResolvedEndpoint } from "./endpoint.ts";

/** Of one host so many connections are open at once, in this process. */
const maxSockets = 16;

/** A connection that nothing goes over is kept for so long. */
const keptMs = 10_000;

/**
 * Azure's metadata service has an address of the internet's own (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16);
 * those of other clouds are link-local, shared or private.
 */
const metadataAddresses = ["168.63.129.16"];

/** The connections to the endpoints of one raincheck. They are kept for the next message, and hold no process up. */
export interface WebhookConnections {
  agentOf(endpoint: ResolvedEndpoint): Promise<HttpAgent>;
}

/**
 * Makes them. An address is checked when a connection is made to it, and a connection stays at its address: so a name that stands for another
 * one later gains nothing.
 */
export function webhookConnections(): WebhookConnections {
  const agents = new Map<string, Promise<HttpAgent>>();
  return {
    agentOf({ agent, url: { protocol }, network }) {
      if (agent !== null) return Promise.resolve(agent);
      const key = `${network} ${protocol}`;
      const made = agents.get(key) ?? makeAgent(protocol, network);
      agents.set(key, made);
      return made;
    },
  };
}

async function makeAgent(protocol: string, network: ResolvedEndpoint["network"]): Promise<HttpAgent> {
  const options = { keepAlive: true, maxSockets, timeout: keptMs, scheduling: "lifo" } as const;
  if (network === "private") {
    const { Agent } = protocol === "https:" ? await import("node:https") : await import("node:http");
    return new Agent(options);
  }
  const { RequestFilteringHttpsAgent } = await import("request-filtering-agent");
  return new RequestFilteringHttpsAgent({ ...options, denyIPAddressList: metadataAddresses });
}
