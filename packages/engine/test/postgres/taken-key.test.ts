import { expect, test } from "vitest";
import { newCall } from "../new-call.ts";
import { ledgerFixture } from "./ledger-fixture.ts";

test("asking again and again for a key that has a call already leaves no deliveries before those of others", async () => {
  await using fixture = await ledgerFixture();
  const { schema, sql } = fixture;
  const engine = fixture.engine();
  const first = newCall({ idempotencyKey: "taken" });
  await engine.accept(first);
  // With keys that are new, a repetition within the batch, and a call that is sent twice.
  const fresh = newCall({ idempotencyKey: "fresh" });
  const repeated = Array.from({ length: 50 }, () => newCall({ idempotencyKey: "taken" }));
  const answers = await Promise.all([...repeated, fresh, newCall({ idempotencyKey: "fresh" }), first].map((call) => engine.accept(call)));
  expect(answers.filter(({ created }) => created).map(({ id }) => id)).toEqual([fresh.id, first.id]);
  const waiting = await sql<{ id: string }[]>`select id from ${sql(`${schema}_pgboss`)}.job_common`;
  expect(waiting.map(({ id }) => id).sort()).toEqual([first.id, fresh.id].sort());
});
