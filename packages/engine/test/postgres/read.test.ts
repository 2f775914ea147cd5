import { describe, expect, test } from "vitest";
import { statementCounter } from "../../../../tooling/vitest/statement-counter.ts";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture } from "./ledger-fixture.ts";

const reader = { principal: newCall().principal };
const stranger = { principal: "somebody else" };

describe("calls that are read at once", () => {
  test("share a statement, and each reader gets its own", async () => {
    await using fixture = await ledgerFixture();
    await using counter = await statementCounter(fixture.url);
    // Nothing else makes a statement: no keeper that is due, no poll.
    const engine = fixture.engine({ url: counter.url, pollMs: 3_600_000 });
    const ids = await Promise.all(Array.from({ length: 100 }, async () => (await engine.accept(newCall())).id));
    const before = counter.statements;
    const records = await Promise.all(ids.flatMap((id) => [engine.read(id, reader), engine.read(id, stranger)]));
    expect(records.map((record) => record?.id ?? null)).toEqual(ids.flatMap((id) => [id, null]));
    // The first is on its way at once, alone or with those of its tick.
    expect(counter.statements - before).toBeLessThan(5);
  });

  test("have their outputs whole, however many megabytes they come to", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const outputs = Array.from({ length: 6 }, (_, index) => JSON.stringify(String(index).repeat(1_500_000)));
    const ids: string[] = [];
    for (const output of outputs) {
      const { id } = await engine.accept(newCall());
      const [call] = await engine.claim(claimOne);
      await engine.settle(call!, { type: "succeeded", output });
      ids.push(id);
    }
    const records = await Promise.all([...ids, ...ids].map((id) => engine.read(id, reader)));
    expect(records.map((record) => record?.output?.[1])).toEqual([..."012345", ..."012345"]);
    expect(records.every((record, index) => record?.output?.length === outputs[index % 6]!.length)).toBe(true);
  });
});
