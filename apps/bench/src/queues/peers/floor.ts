/** The floor: what has to be written, each in a commit of its own with its notification, and nothing else. No batches, no lease, no retry. */
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { countOf } from "../count-of.ts";
import { inParallel } from "../in-parallel.ts";
import type { Peer } from "../peer.ts";
import { Pending } from "../pending.ts";

/** See the file's head. */
export const peer: Peer = {
  async prepare({ url }) {
    const sql = postgres(url, { max: 1, onnotice: () => undefined });
    await sql`create table if not exists floor (id uuid primary key, state text not null, input jsonb, output jsonb)`;
    await sql.end();
  },
  async openCaller({ url }) {
    const sql = postgres(url, { max: 21 });
    const pending = new Pending();
    await sql.listen("floor_done", (id) => void sql`select output from floor where id = ${id}`.then(() => pending.done(id)));
    const accept = async (): Promise<string> => {
      const id = randomUUID();
      await sql`with one as (insert into floor (id, state, input) values (${id}, 'queued', 'null') returning id) select pg_notify('floor_queued', id::text) from one`;
      return id;
    };
    return {
      accept,
      call: async () => pending.wait(await accept()),
      fill: (count) => inParallel(count, accept),
      left: () => countOf(url, "select count(*)::int from floor where state <> 'succeeded'"),
      [Symbol.asyncDispose]: () => sql.end(),
    };
  },
  async openWorker({ url }) {
    const sql = postgres(url, { max: 21 });
    const underway = new Set<Promise<void>>();
    const runOne = async (id: string): Promise<void> => {
      await sql`update floor set state = 'running' where id = ${id} and state = 'queued'`;
      await sql`with one as (update floor set state = 'succeeded', output = '"done"' where id = ${id} returning id) select pg_notify('floor_done', id::text) from one`;
    };
    await sql.listen("floor_queued", (id) => {
      const run = runOne(id).finally(() => underway.delete(run));
      underway.add(run);
    });
    return {
      async [Symbol.asyncDispose]() {
        await Promise.allSettled(underway);
        await sql.end();
      },
    };
  },
};
