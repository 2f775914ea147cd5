import { describe, expect, test } from "vitest";
import { newCall } from "../new-call.ts";
import { type LedgerFixture, claimOne, ledgerFixture } from "./ledger-fixture.ts";

const patience = { timeout: 15_000 };
const reader = { principal: "ada" };

/** Has every attempt to expire a call fail, until the returned function is called. */
async function refuseToExpire({ sql, schema }: LedgerFixture): Promise<() => Promise<void>> {
  await sql.unsafe(`
    create or replace function ${schema}.refuse() returns trigger language plpgsql as $$ begin raise 'nothing expires'; end $$;
    create trigger refuse before update on ${schema}.call for each row when (new.state = 'expired') execute function ${schema}.refuse();`);
  return async () => void (await sql.unsafe(`drop trigger refuse on ${schema}.call`));
}

describe("an act of the keeper that always fails", () => {
  test("keeps it from none of the others, and is told of once until it succeeds", async () => {
    await using fixture = await ledgerFixture();
    const { sql, schema } = fixture;
    const errors: unknown[] = [];
    const engine = fixture.engine({ onError: (error) => errors.push(error) });
    await engine.start();
    const expire = async () => {
      const { id } = await engine.accept(newCall({ queue: "expiring", deadlineMs: 3_600_000 }));
      await sql`update ${sql(schema)}.call set expires_at = now(), deadline = now() where id = ${id}`;
      return id;
    };
    const stateOf = async (id: string) => (await engine.read(id, reader))?.state;
    const allow = await refuseToExpire(fixture);
    const refused = await expire();

    // Each is taken back by another pass, after the act that fails.
    for (let pass = 1; pass <= 3; pass += 1) {
      const { id } = await engine.accept(newCall({ queue: `pass${pass}` }));
      await engine.claim({ ...claimOne, queues: [`pass${pass}`], leaseMs: 1 });
      await expect.poll(() => stateOf(id), patience).toBe("queued");
    }
    expect(await stateOf(refused)).toBe("queued");
    expect(errors).toEqual([expect.objectContaining({ message: "nothing expires" })]);

    await allow();
    await expect.poll(() => stateOf(refused), patience).toBe("expired");
    await refuseToExpire(fixture);
    await expire();
    await expect.poll(() => errors, patience).toHaveLength(2);
  });
});
