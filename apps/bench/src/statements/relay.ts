/** Relays of their own process: each takes one side's connections to Postgres, and counts what passes. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { answerQuestions } from "../questions.ts";
import { WireCounter, type WireCounts } from "./wire-counter.ts";

/** Who connects through a relay. */
export type Side = "caller" | "worker";

/** What has passed since the start. */
export type SideCounts = Readonly<Record<Side, WireCounts>>;

async function openRelay(target: { readonly host: string; readonly port: number }) {
  const counters: WireCounter[] = [];
  const server = createServer((client) => {
    const counter = new WireCounter();
    counters.push(counter);
    const upstream = connect(target);
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    client.on("data", (bytes) => counter.client(bytes)).pipe(upstream);
    upstream.on("data", (bytes) => counter.server(bytes)).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const sum = (metric: keyof WireCounts): number => counters.reduce((total, counter) => total + counter[metric], 0);
  return {
    port: (server.address() as AddressInfo).port,
    counts: (): WireCounts => ({
      statements: sum("statements"),
      roundTrips: sum("roundTrips"),
      transactions: sum("transactions"),
      parses: sum("parses"),
    }),
  };
}

const { hostname: host, port } = new URL(process.env["DATABASE_URL"]!);
const target = { host, port: Number(port || 5432) };
const sides = { caller: await openRelay(target), worker: await openRelay(target) };
process.once("disconnect", () => process.exit());
answerQuestions((): SideCounts => ({ caller: sides.caller.counts(), worker: sides.worker.counts() }), {
  ports: { caller: sides.caller.port, worker: sides.worker.port },
});
