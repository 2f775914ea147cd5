import type { TransactionSql } from "postgres";
import { describe, expect, test } from "vitest";
import { newCall } from "../new-call.ts";
import { type LedgerFixture, claimOne, ledgerFixture } from "./ledger-fixture.ts";

/** A running attempt, and a commit of it that writes to a table of the test's own. */
async function committing(fixture: LedgerFixture, careless: (transaction: TransactionSql) => Promise<unknown>) {
  const { sql, schema } = fixture;
  const engine = fixture.engine();
  const { id } = await engine.accept(newCall());
  const [attempt] = await engine.claim(claimOne);
  await sql`create table ${sql(schema)}.written (at text)`;
  const write = (transaction: TransactionSql, at: string) => transaction`insert into ${transaction(schema)}.written values (${at})`;
  const commit = () =>
    engine.commit(attempt!, async (transaction) => {
      await write(transaction, "before");
      await careless(transaction);
      await write(transaction, "after").catch(() => undefined);
      return { value: 1, output: "1" };
    });
  const stateOf = async () => (await engine.read(id, { principal: "ada" }))?.state;
  return { commit, stateOf, engine, attempt: attempt! };
}

describe("the work of a commit that is careless with its transaction", () => {
  test.each([["commit"], ["rollback"], ["rollback; begin"], ["commit and chain"]])(
    "is told when it has ended it itself (%s), and nothing is settled",
    async (statement) => {
      await using fixture = await ledgerFixture();
      const { commit, stateOf, engine, attempt } = await committing(fixture, (transaction) => transaction.unsafe(statement));
      await expect(commit()).rejects.toThrow("ended its transaction itself");
      expect(await stateOf()).toBe("running");
      // Its session is as good as new.
      expect(await engine.commit(attempt, async () => ({ value: 2, output: "2" }))).toBe(2);
      expect(await stateOf()).toBe("succeeded");
    },
  );

  test("is told what became of it when it swallows the error of a statement", async () => {
    await using fixture = await ledgerFixture();
    const { commit, stateOf } = await committing(fixture, (transaction) => transaction`select 1 / 0`.catch(() => undefined));
    await expect(commit()).rejects.toThrow("one of its statements had failed. Let its error through");
    expect(await stateOf()).toBe("running");
  });

  test("may let a statement fail in a savepoint", async () => {
    await using fixture = await ledgerFixture();
    const { commit, stateOf } = await committing(fixture, (transaction) =>
      transaction.savepoint((inner) => inner`select 1 / 0`).catch(() => undefined),
    );
    expect(await commit()).toBe(1);
    expect(await stateOf()).toBe("succeeded");
  });
});
