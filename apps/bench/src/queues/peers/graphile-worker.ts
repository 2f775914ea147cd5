/**
 * graphile-worker with its local queue. It keeps no results and tells of none: each is written to a table of one's own, and notifications beside
 * the commits, which would wait for each other otherwise, tell of as many as there are.
 */
import { randomUUID } from "node:crypto";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import postgres from "postgres";
import { countOf } from "../count-of.ts";
import type { Peer } from "../peer.ts";
import { Pending } from "../pending.ts";

const logger = new Logger(() => () => undefined);

/** See the file's head. */
export const peer: Peer = {
  async prepare({ url }) {
    const utils = await makeWorkerUtils({ connectionString: url, logger });
    await utils.migrate();
    await utils.release();
    const sql = postgres(url, { max: 1, onnotice: () => undefined });
    await sql`create table if not exists graphile_result (id text primary key, output jsonb not null)`;
    await sql.end();
  },
  async openCaller({ url }) {
    const utils = await makeWorkerUtils({ connectionString: url, maxPoolSize: 20, logger });
    const sql = postgres(url, { max: 4 });
    const pending = new Pending();
    // Results that are told of while others are read share the next read.
    let told: string[] = [];
    let reading = false;
    const read = async (): Promise<void> => {
      if (reading) return;
      reading = true;
      while (told.length > 0) {
        const ids = told;
        told = [];
        for (const { id } of await sql`select id, output from graphile_result where id = any(${ids})`) pending.done(id as string);
      }
      reading = false;
    };
    await sql.listen("graphile_done", (ids) => {
      told.push(...(JSON.parse(ids) as string[]));
      void read();
    });
    const accept = (id: string = randomUUID()) => utils.addJob("noop", { id });
    return {
      accept: () => accept(),
      async call() {
        const id = randomUUID();
        await accept(id);
        await pending.wait(id);
      },
      async fill(count) {
        for (let made = 0; made < count; made += 1_000)
          await utils.addJobs(
            Array.from({ length: Math.min(1_000, count - made) }, () => ({ identifier: "noop", payload: { id: randomUUID() } })),
          );
      },
      left: () => countOf(url, "select count(*)::int from graphile_worker._private_jobs"),
      async [Symbol.asyncDispose]() {
        await sql.end();
        await utils.release();
      },
    };
  },
  async openWorker({ url, inFlight, work }) {
    const concurrency = Math.min(64, Math.max(16, inFlight));
    const sql = postgres(url, { max: 2 });
    let done: string[] = [];
    let telling: Promise<void> | null = null;
    const tell = async (): Promise<void> => {
      while (done.length > 0) {
        // A payload of a notification has 8,000 bytes at most.
        const ids = done.slice(0, 200);
        done = done.slice(200);
        await sql`select pg_notify('graphile_done', ${JSON.stringify(ids)})`;
      }
      telling = null;
    };
    const runner = await run({
      connectionString: url,
      noHandleSignals: true,
      concurrency,
      maxPoolSize: 20,
      logger,
      preset: { worker: { localQueue: { size: Math.max(128, 2 * inFlight) }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
      taskList: {
        noop: async (payload, { query }) => {
          const { id } = payload as { id: string };
          await query("insert into graphile_result (id, output) values ($1, $2)", [id, '"done"']);
          if (work === "backlog") return;
          done.push(id);
          telling ??= tell();
        },
      },
    });
    return {
      async [Symbol.asyncDispose]() {
        await runner.stop();
        await telling;
        await sql.end();
      },
    };
  },
};
