import { describe, expect, test } from "vitest";
import { parentCancelled } from "../../src/cancellation.ts";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture, nextWake } from "./ledger-fixture.ts";

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

  // Neither listens: what wakes a claimer is its own process.
  test("is told of to the other claimers of the process that set it aside, whether its claim or its attempt did", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine({ listen: false });
    const call = newCall();
    await engine.accept(call);
    const woken = () => nextWake((wake) => engine.onRunnable(["default"], wake));
    const byClaim = woken();
    expect(await engine.claim({ ...claimOne, withheld: [{ path: call.path, places: 0, giveUpAfterMs: 600_000 }] })).toEqual([]);
    await byClaim;
    const [attempt] = await engine.claim(claimOne);
    const byAttempt = woken();
    await engine.settle(attempt!, { type: "unknown", giveUpAfterMs: 600_000 });
    await byAttempt;
    expect(await engine.claim(claimOne)).toMatchObject([{ id: call.id, attempt: 2 }]);
  });

  test("is found by another process, also where that one has just taken all that were aside before", async () => {
    await using fixture = await ledgerFixture();
    const [withholding, knowing] = [fixture.engine({ listen: false }), fixture.engine({ listen: false })];
    await knowing.start();
    for (let round = 0; round < 3; round += 1) {
      const call = newCall();
      await withholding.accept(call);
      const woken = nextWake((wake) => knowing.onRunnable(["default"], wake));
      expect(await withholding.claim({ ...claimOne, withheld: [{ path: call.path, places: 0, giveUpAfterMs: 600_000 }] })).toEqual([]);
      await woken;
      expect(await knowing.claim({ ...claimOne, limit: 2 })).toMatchObject([{ id: call.id }]);
    }
  });
});
