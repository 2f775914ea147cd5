import type { Sql, TransactionSql } from "postgres";
import { describe, expect, test } from "vitest";
import type { NewCall } from "../../src/new-call.ts";
import { vouch } from "../../src/postgres/aside/vouch.ts";
import type { Ledger } from "../../src/postgres/ledger.ts";
import { cancelLeft } from "../../src/postgres/cancelling/pass-on-cancels.ts";
import type { Sessions } from "../../src/postgres/sessions/sessions.ts";
import { settleBatch } from "../../src/postgres/settling/settle.ts";
import { newCall } from "../new-call.ts";
import { ledgerFixture } from "./ledger-fixture.ts";
import { ledgerWithoutKeeper } from "./ledger-without-keeper.ts";

/** Statements that read and write rows of several calls, and what makes the calls ready for each. */
const acts: Record<
  string,
  { ready: (sql: Sql, schema: string) => Promise<unknown>; run: (ledger: Ledger, calls: readonly NewCall[]) => Promise<unknown> }
> = {
  "looking up what a stale worker settles": {
    ready: (sql, schema) => sql`update ${sql(schema)}.call set state = 'running', attempt = 2`,
    run: async (ledger, calls) => {
      const settlings = calls.map(({ id }) => ({ attempt: { id, attempt: 1 }, settlement: { type: "succeeded", output: "1" } }) as const);
      expect(await settleBatch(ledger, settlings)).toEqual(["stale", "stale"]);
    },
  },
  "marking the cancelled parents of calls that were met": {
    ready: async (sql, schema) => {
      await sql`
        insert into ${sql(schema)}.call
          (id, path, queue, state, seq, priority, input, context, input_hash, created_at, due_at, retention_ms, parent_id)
        select gen_random_uuid(), path, queue, state, seq, priority, input, context, input_hash, created_at, due_at, retention_ms, id
        from ${sql(schema)}.call`;
      await sql`update ${sql(schema)}.call set state = 'cancelled', due_at = now() + interval '1 hour' where parent_id is null`;
    },
    run: async (ledger) => {
      const children = await ledger.control.use(
        (sql) => sql<{ id: string }[]>`select id from ${sql(ledger.schema)}.call where parent_id is not null`,
      );
      await cancelLeft(
        ledger,
        children.map(({ id }) => id),
      );
    },
  },
  "vouching for calls that were set aside": {
    ready: (sql, schema) => sql`update ${sql(schema)}.call set aside_attempt = attempt, aside_until = now() + interval '1 minute'`,
    run: (ledger) => vouch(ledger, { queues: ["default"], knows: async () => true, giveUpAfterMs: 600_000 }),
  },
};

/** Whether a statement on this ledger waits for a lock. */
async function somebodyWaits(sql: Sql, schema: string): Promise<boolean> {
  const waiting = await sql`
    select from pg_stat_activity where wait_event_type = 'Lock' and query like ${`%${schema}%`} and pid <> pg_backend_pid()`;
  return waiting.length > 0;
}

/** Sessions that note what fails in them: most of it is tried again, and shows nowhere else. */
function noting(sessions: Sessions, errors: unknown[]): Sessions {
  return {
    begin: sessions.begin,
    end: (timeoutMs) => sessions.end(timeoutMs),
    use: (work) =>
      sessions.use(work).catch((error: unknown) => {
        errors.push(error);
        throw error;
      }),
  };
}

describe("no two statements wait for each other, when somebody locks two calls one after the other", () => {
  // Rows stand in the table in the order in which they were written.
  const orders = { "written in the order of their ids": [0, 1], "written in the other order": [1, 0] } as const;
  test.each(Object.keys(acts).flatMap((act) => Object.keys(orders).map((order) => ({ act, order }))))(
    "$act, $order",
    async ({ act, order }) => {
      await using fixture = await ledgerFixture();
      const errors: unknown[] = [];
      await using without = await ledgerWithoutKeeper(fixture, (sessions) => noting(sessions, errors));
      const { sql, schema } = fixture;
      const { ready, run } = acts[act]!;
      const calls = [newCall(), newCall()].sort((a, b) => (a.id < b.id ? -1 : 1));
      const lock = (transaction: TransactionSql, { id }: NewCall) =>
        transaction`update ${transaction(schema)}.call set seq = seq + 1 where id = ${id}`;
      const engine = fixture.engine({ listen: false });
      for (const place of orders[order as keyof typeof orders]) await engine.accept(calls[place]!);
      await engine.stop();
      await ready(sql, schema);
      let running: Promise<unknown> = Promise.resolve();
      await sql.begin(async (transaction) => {
        await lock(transaction, calls[0]!);
        let isOver = false;
        running = run(without.ledger, calls).finally(() => (isOver = true));
        running.catch(() => undefined);
        await expect.poll(async () => isOver || (await somebodyWaits(sql, schema)), { timeout: 15_000 }).toBe(true);
        await lock(transaction, calls[1]!);
      });
      await running;
      expect(errors).toEqual([]);
    },
  );
});
