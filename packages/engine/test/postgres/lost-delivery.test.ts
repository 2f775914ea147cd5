import { describe, expect, test } from "vitest";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture, nextWake } from "./ledger-fixture.ts";

describe("the ledger is the truth", () => {
  test("a call whose delivery was deleted is delivered again", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await engine.accept(newCall())).id));
    const deleted = await fixture.sql`delete from ${fixture.sql(`${fixture.schema}_pgboss`)}.job`;
    expect(deleted.count).toBe(20);
    expect(await engine.claim(claimOne)).toEqual([]);
    const claimed: string[] = [];
    while (claimed.length < ids.length) {
      const woken = nextWake((wake) => engine.onRunnable(["default"], wake));
      const calls = await engine.claim({ ...claimOne, limit: 50 });
      if (calls.length === 0) await woken;
      claimed.push(...calls.map(({ id }) => id));
    }
    expect(claimed.sort()).toEqual(ids.sort());
  });

  test("a delivery without a claimable call is dropped, and does not keep others waiting", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const cancelled = await Promise.all(Array.from({ length: 5 }, () => engine.accept(newCall({ priority: 5 }))));
    for (const { id } of cancelled) await engine.cancel(id, { principal: "ada" }, null);
    const { id } = await engine.accept(newCall());
    expect(await engine.claim(claimOne)).toMatchObject([{ id }]);
    const [left] = await fixture.sql<{ count: number }[]>`select count(*)::int from ${fixture.sql(`${fixture.schema}_pgboss`)}.job`;
    expect(left?.count).toBe(0);
  });

  test("pg-boss holds ids and nothing else", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const { id } = await engine.accept(newCall({ input: "canary", context: "canary" }));
    const jobs = await fixture.sql`select * from ${fixture.sql(`${fixture.schema}_pgboss`)}.job`;
    expect(jobs).toMatchObject([{ id, data: null }]);
    expect(JSON.stringify(jobs)).not.toContain("canary");
  });
});
