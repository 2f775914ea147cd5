/** DBOS with its polls tuned: the queue is looked at each 50 ms, and a result each 100 ms. */
import { DBOS, DBOSClient } from "@dbos-inc/dbos-sdk";
import { countOf } from "../count-of.ts";
import { inParallel } from "../in-parallel.ts";
import type { Peer } from "../peer.ts";

const name = "bench";
const queueName = "noop";
const workflowName = "noop";
const pollingIntervalMs = 100;
const silent = { info: () => {}, debug: () => {}, warn: () => {}, error: () => {} };

async function launch(url: string, inFlight: number): Promise<void> {
  DBOS.setConfig({ name, systemDatabaseUrl: url, systemDatabasePoolSize: 20, runAdminServer: false, logger: silent });
  DBOS.registerWorkflow(async () => "done", { name: workflowName });
  await DBOS.launch();
  await DBOS.registerQueue(queueName, { workerConcurrency: Math.max(16, inFlight), minPollingIntervalMs: 50 });
}

/** See the file's head. */
export const peer: Peer = {
  async prepare({ url, inFlight }) {
    await launch(url, inFlight);
    await DBOS.shutdown();
  },
  async openCaller({ url }) {
    const client = await DBOSClient.create({
      systemDatabaseUrl: url,
      systemDatabasePoolSize: 20,
      systemDatabasePollingConcurrency: 16,
      applicationName: name,
      logger: silent,
    });
    const accept = () => client.enqueue<() => Promise<string>>({ queueName, workflowName });
    return {
      accept,
      call: async () => (await accept()).getResult({ pollingIntervalMs }),
      fill: (count) => inParallel(count, accept),
      left: () => countOf(url, "select count(*)::int from dbos.workflow_status where status in ('ENQUEUED', 'PENDING')"),
      [Symbol.asyncDispose]: () => client.destroy(),
    };
  },
  async openWorker({ url, inFlight }) {
    await launch(url, inFlight);
    return { [Symbol.asyncDispose]: () => DBOS.shutdown() };
  },
};
