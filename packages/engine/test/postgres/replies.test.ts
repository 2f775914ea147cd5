import type { TransactionSql } from "postgres";
import { describe, expect, test } from "vitest";
import type { ClaimedCall } from "../../src/claim-request.ts";
import type { Engine } from "../../src/engine.ts";
import { parseReply, replyPlace } from "../../src/reply.ts";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture, nextWake } from "./ledger-fixture.ts";

const { queue } = replyPlace("billing");

async function nextReply(engine: Engine<TransactionSql>): Promise<ClaimedCall> {
  for (;;) {
    const woken = nextWake((wake) => engine.onRunnable([queue], wake));
    const [reply] = await engine.claim({ ...claimOne, queues: [queue] });
    if (reply !== undefined) return reply;
    await woken;
  }
}

async function running(engine: Engine<TransactionSql>): Promise<ClaimedCall> {
  await engine.accept(newCall({ replyQueues: [queue] }));
  const [call] = await engine.claim(claimOne);
  return call!;
}

describe("a reply", () => {
  test("is written for a call that a process of the release before has ended, once", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const { id } = await running(engine);
    const { sql, schema } = fixture;
    // What that release's settle writes.
    await sql`
      update ${sql(schema)}.call set state = 'succeeded', seq = seq + 1, output = '1', worker = null, ended_at = now(), due_at = now()
      where id = ${id}`;
    const reply = await nextReply(engine);
    expect(parseReply(reply.input)).toMatchObject({ id, state: "succeeded", output: "1" });
    await engine.settle(reply, { type: "succeeded", output: "null" });
    const told = await sql<{ kept: number }[]>`
      select extract(epoch from due_at - ended_at)::int as kept from ${sql(schema)}.call where queue = ${queue}`;
    expect(told).toEqual([{ kept: 600 }]);
  });

  test("of a webhook is kept as long as its call, when it was taken, too", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const { sql, schema } = fixture;
    const webhook = replyPlace("invoices", "webhook").queue;
    const { id } = await engine.accept(newCall({ replyQueues: [webhook], retentionMs: 86_400_000 }));
    await engine.settle((await engine.claim(claimOne))[0]!, { type: "succeeded", output: "1" });
    const [delivery] = await engine.claim({ ...claimOne, queues: [webhook] });
    await engine.settle(delivery!, { type: "succeeded", output: "null" });
    const kept = await sql<{ kept: number; tells: string }[]>`
      select extract(epoch from due_at - ended_at)::int as kept, tells from ${sql(schema)}.call where queue = ${webhook}`;
    expect(kept).toEqual([{ kept: 86_400, tells: id }]);
  });

  test("is in the commit that ends its call, and is rolled back with it", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const call = await running(engine);
    const { sql, schema } = fixture;
    const replies = (executor: typeof sql | TransactionSql) => executor`select xmin::text from ${sql(schema)}.call where queue = ${queue}`;
    await sql.unsafe(`create function ${schema}.refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`);
    await sql.unsafe(
      `create constraint trigger refuse after update on ${schema}.call deferrable initially deferred for each row
       when (new.state = 'succeeded') execute function ${schema}.refuse()`,
    );
    await expect(engine.commit(call, async () => ({ value: 1, output: "1" }))).rejects.toThrow("no");
    expect(await replies(sql)).toEqual([]);
    await sql.unsafe(`drop trigger refuse on ${schema}.call`);
    await engine.commit(call, async () => ({ value: 1, output: "1" }));
    const [ended] = await sql`select xmin::text from ${sql(schema)}.call where id = ${call.id}`;
    expect(await replies(sql)).toEqual([ended]);
  });

  test("of an output that Postgres keeps elsewhere, of megabytes, is whole", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const call = await running(engine);
    const output = JSON.stringify("flüge\u2028\\u0000 ".repeat(200_000));
    await engine.settle(call, { type: "succeeded", output });
    expect(parseReply((await nextReply(engine)).input).output).toBe(output);
  });
});
