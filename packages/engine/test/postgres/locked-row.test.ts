import { describe, expect, test } from "vitest";
import { newCall } from "../new-call.ts";
import { ledgerFixture, onWake } from "./ledger-fixture.ts";

describe("a row that a frozen process holds locked", () => {
  test("costs the other attempts of its worker no lease, and keeps no other call from being taken back", async () => {
    await using fixture = await ledgerFixture();
    const { sql, schema } = fixture;
    const engine = fixture.engine();
    for (let made = 0; made < 3; made++) await engine.accept(newCall());
    const attempts = await engine.claim({ worker: "test", queues: ["default"], limit: 3, leaseMs: 600 });
    const [frozen, kept, lost] = attempts;
    const locked = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const holding = sql.begin(async (transaction) => {
      await transaction`select from ${sql(schema)}.call where id = ${frozen!.id} for update`;
      locked.resolve();
      await release.promise;
    });
    using _release = { [Symbol.dispose]: () => release.resolve() };
    await locked.promise;
    expect(await engine.extend([frozen!, kept!], 600_000)).toEqual([]);
    const takenBack = Promise.withResolvers<void>();
    using _ = onWake(engine, lost!.id, async () => {
      const page = await engine.events(lost!.id, 2, { principal: "ada" });
      if (page?.events.some((event) => event.type === "retrying" && event.reason === "lost")) takenBack.resolve();
    });
    await takenBack.promise;
    expect(await engine.read(kept!.id, { principal: "ada" })).toMatchObject({ state: "running" });
    release.resolve();
    await holding;
  });
});
