import { Queue, QueueEvents, Worker } from "bullmq";
import type { Peer } from "../peer.ts";

const name = "noop";

function connectionTo(url: string) {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port), maxRetriesPerRequest: null };
}

/** BullMQ, whose results come by `waitUntilFinished`. */
export const peer: Peer = {
  prepare: () => Promise.resolve(),
  async openCaller({ url }) {
    const connection = connectionTo(url);
    const queue = new Queue(name, { connection, defaultJobOptions: { removeOnComplete: { count: 10_000 } } });
    const events = new QueueEvents(name, { connection });
    events.setMaxListeners(0);
    await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
    const accept = () => queue.add("noop", { input: null });
    return {
      accept,
      call: async () => (await accept()).waitUntilFinished(events),
      async fill(count) {
        for (let made = 0; made < count; made += 1_000)
          await queue.addBulk(Array.from({ length: Math.min(1_000, count - made) }, () => ({ name, data: { input: null } })));
      },
      left: () => queue.getJobCountByTypes("waiting", "active"),
      async [Symbol.asyncDispose]() {
        await events.close();
        await queue.close();
      },
    };
  },
  async openWorker({ url, inFlight }) {
    const worker = new Worker(name, async () => "done", { connection: connectionTo(url), concurrency: Math.max(16, inFlight) });
    await worker.waitUntilReady();
    return { [Symbol.asyncDispose]: () => worker.close() };
  },
};
