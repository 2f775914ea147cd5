import { describe, expect, test } from "vitest";
import { parentCancelled } from "../../src/engine.ts";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture } from "./ledger-fixture.ts";

const reader = { principal: "ada" };

describe("a call that is set aside", () => {
  test("and whose parent is cancelled, unknown to it, is cancelled when it is claimed by its path", async () => {
    await using fixture = await ledgerFixture();
    const { sql, schema } = fixture;
    const engine = fixture.engine();
    const parent = newCall();
    await engine.accept(parent);
    await engine.claim(claimOne);
    const child = newCall({ startedBy: { id: parent.id, attempt: 1 } });
    await engine.accept(child);
    // Accepted at the moment of the cancel, set aside by a worker without its procedure, which then died.
    await sql.begin(async (transaction) => {
      await transaction`
        update ${transaction(schema)}.call
        set state = 'cancelled', ended_at = now(), expires_at = null, due_at = now() + interval '1 hour' where id = ${parent.id}`;
      await transaction`update ${transaction(schema)}.call set aside_attempt = attempt where id = ${child.id}`;
      await transaction`delete from ${transaction(`${schema}_pgboss`)}.job where id = ${child.id}`;
    });
    const claimed = async () => {
      expect(await engine.claim(claimOne)).toEqual([]);
      return engine.read(child.id, reader);
    };
    await expect.poll(claimed, { timeout: 15_000 }).toMatchObject({ state: "cancelled", cancelReason: parentCancelled });
  });

  test("was due: a delivery that comes too early is dropped, whether its procedure is withheld or not", async () => {
    await using fixture = await ledgerFixture();
    const { sql, schema } = fixture;
    const engine = fixture.engine();
    const call = newCall({ delayMs: 3_600_000 });
    await engine.accept(call);
    await sql`update ${sql(`${schema}_pgboss`)}.job set start_after = now() where id = ${call.id}`;
    expect(await engine.claim({ ...claimOne, withheld: [{ path: call.path, places: 0, giveUpAfterMs: 1 }] })).toEqual([]);
    expect(await sql`select from ${sql(`${schema}_pgboss`)}.job`).toHaveLength(0);
    expect(await sql`select aside_attempt, aside_until from ${sql(schema)}.call`).toEqual([{ aside_attempt: null, aside_until: null }]);
  });
});
