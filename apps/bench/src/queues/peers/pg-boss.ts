/**
 * pg-boss by hand, at its best: a notification wakes the worker and one brings each batch of results back; the worker fetches, runs
 * and completes in batches; results are read by those who are told that they are there.
 */
import { PgBoss } from "pg-boss";
import postgres from "postgres";
import { countOf } from "../count-of.ts";
import type { Peer } from "../peer.ts";
import { Pending } from "../pending.ts";

const queue = "noop";
const schema = "pgboss";

async function openBoss(url: string): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: url, schema, supervise: false, schedule: false, max: 20 });
  boss.on("error", () => undefined);
  await boss.start();
  return boss;
}

/** See the file's head. */
export const peer: Peer = {
  async prepare({ url }) {
    const boss = await openBoss(url);
    await boss.createQueue(queue);
    await boss.stop({ graceful: false });
  },
  async openCaller({ url }) {
    const boss = await openBoss(url);
    const sql = postgres(url, { max: 4 });
    const pending = new Pending();
    await sql.listen("boss_done", (payload) => {
      const ids = JSON.parse(payload) as string[];
      void sql`select id, output from pgboss.job where id = any(${ids}::uuid[])`.then((rows) => {
        for (const { id } of rows) pending.done(id as string);
      });
    });
    // A wake on each send, as one would by hand; beside it, because within its transaction it would serialise the commits.
    let waking = false;
    let again = false;
    const wake = async (): Promise<void> => {
      again = true;
      if (waking) return;
      waking = true;
      while (again) {
        again = false;
        await sql`select pg_notify('boss_queued', '')`;
      }
      waking = false;
    };
    const accept = async (): Promise<string> => {
      const id = await boss.send(queue, { input: null });
      return id!;
    };
    return {
      accept,
      async call() {
        const id = await accept();
        void wake();
        await pending.wait(id);
      },
      async fill(count) {
        for (let made = 0; made < count; made += 1_000)
          await boss.insert(
            queue,
            Array.from({ length: Math.min(1_000, count - made) }, () => ({ data: { input: null } })),
          );
      },
      left: () => countOf(url, "select count(*)::int from pgboss.job where state < 'completed'"),
      async [Symbol.asyncDispose]() {
        await sql.end();
        await boss.stop({ graceful: false });
      },
    };
  },
  async openWorker({ url, inFlight, work }) {
    const boss = await openBoss(url);
    const sql = postgres(url, { max: 4 });
    const batchSize = work === "backlog" ? 2_000 : Math.max(100, inFlight);
    let stopped = false;
    let woken = Promise.withResolvers<void>();
    const { unlisten } = await sql.listen("boss_queued", () => woken.resolve());
    const working = (async () => {
      while (!stopped) {
        woken = Promise.withResolvers();
        const jobs = await boss.fetch(queue, { batchSize });
        if (jobs.length === 0) {
          const poll = setTimeout(woken.resolve, 500);
          await woken.promise;
          clearTimeout(poll);
          continue;
        }
        const ids = jobs.map(({ id }) => id);
        await boss.complete(queue, ids, { output: "done" });
        if (work === "backlog") continue;
        // A payload of a notification has 8,000 bytes at most.
        for (let at = 0; at < ids.length; at += 200) await sql`select pg_notify('boss_done', ${JSON.stringify(ids.slice(at, at + 200))})`;
      }
    })();
    return {
      async [Symbol.asyncDispose]() {
        stopped = true;
        woken.resolve();
        await working;
        await unlisten();
        await sql.end();
        await boss.stop({ graceful: false });
      },
    };
  },
};
