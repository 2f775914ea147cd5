import { expect, test } from "vitest";
import { deleteRetained } from "../../src/postgres/keeping/retain.ts";
import { newCall } from "../new-call.ts";
import { ledgerFixture } from "./ledger-fixture.ts";
import { ledgerWithoutKeeper } from "./ledger-without-keeper.ts";

test("calls with many events are deleted by and by, so that no statement takes too long, and none that is still to be told of", async () => {
  await using fixture = await ledgerFixture();
  await using without = await ledgerWithoutKeeper(fixture);
  const { sql, schema } = fixture;
  const engine = fixture.engine();
  for (let call = 0; call < 3; call += 1) {
    const { id } = await engine.accept(newCall());
    await engine.cancel(id, { principal: "ada" }, null);
    await sql`
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt, body)
      select ${id}, seq, 'yielded', now(), 1, '"token"' from generate_series(2, 14999) as seq`;
  }
  await engine.stop();
  await sql`update ${sql(schema)}.call set seq = 15000, due_at = now()`;
  const left = async () => {
    const [row] = await sql<{ calls: number; events: number }[]>`
      select (select count(*) from ${sql(schema)}.call)::int as calls, (select count(*) from ${sql(schema)}.event)::int as events`;
    return row;
  };
  expect(await left()).toEqual({ calls: 3, events: 44_994 });
  await sql`update ${sql(schema)}.call set reply_due = true`;
  await deleteRetained(without.ledger);
  // A reply is still to be written of each.
  expect(await left()).toEqual({ calls: 3, events: 44_994 });
  await sql`update ${sql(schema)}.call set reply_due = false`;
  await deleteRetained(without.ledger);
  expect(await left()).toEqual({ calls: 1, events: 14_998 });
  await deleteRetained(without.ledger);
  expect(await left()).toEqual({ calls: 0, events: 0 });
});
