/**
 * The closed loop through the tRPC client, over HTTP (batches, results by server-sent events) and over a WebSocket: each caller waits for
 * its result, then calls again. Beside it, on the same links to the same API, the same procedure in sync mode, and the same without
 * Raincheck. Client, API and worker are processes of their own.
 */
import { once } from "node:events";
import { startChild } from "../child.ts";
import { openDatabase, serverVersion } from "../database.ts";
import type { Measured } from "../queues/measure.ts";
import { ask } from "../questions.ts";
import type { Benchmark } from "../report.ts";
import { type Row, takeTurns } from "../turns.ts";
import type { ClientName, ClientQuestion } from "./client.ts";
import type { Link } from "./links.ts";

const clients: readonly ClientName[] = ["raincheck", "raincheck-sync", "trpc-sync"];
const inFlights = [64, 256];

/** See the file's head. */
export const http: Benchmark = async ({ rounds, seconds, log }) => {
  await using opened = new AsyncDisposableStack();
  const url = await openDatabase(opened);
  const measureWith = async (client: ClientName): Promise<Row<keyof Measured>[]> => {
    await using round = new AsyncDisposableStack();
    const env = { DATABASE_URL: url, CONCURRENCY: String(Math.max(...inFlights)) };
    const api = startChild(round, new URL("api.ts", import.meta.url), { env });
    const [{ port }] = (await once(api, "message")) as [{ port: number }];
    if (client === "raincheck") await once(startChild(round, new URL("worker.ts", import.meta.url), { env }), "message");
    const rows: Row<keyof Measured>[] = [];
    for (const link of ["http", "ws"] satisfies Link[]) {
      await using linked = new AsyncDisposableStack();
      const child = startChild(linked, new URL("client.ts", import.meta.url), { env: { PORT: String(port), LINK: link } });
      await once(child, "message");
      for (const inFlight of inFlights) {
        const asked: ClientQuestion = { client, inFlight, warmUpMs: 2_000, ms: (seconds ?? 5) * 1_000 };
        rows.push({ params: { link, inFlight }, figures: { ...(await ask<ClientQuestion, Measured>(child, asked)) } });
      }
    }
    return rows;
  };
  return await takeTurns<keyof Measured>({
    benchmark: "http",
    rounds,
    log,
    metrics: ["callsPerSecond", "p50Ms", "p95Ms", "p99Ms"],
    pairs: [
      ["raincheck", "trpc-sync"],
      ["raincheck-sync", "trpc-sync"],
    ],
    contestants: clients.map((peer) => ({ peer, measure: () => measureWith(peer) })),
    postgres: await serverVersion(url),
  });
};
