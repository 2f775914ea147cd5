import { describe, expect, test } from "vitest";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture, nextWake } from "./ledger-fixture.ts";

describe("accepting in the caller's own transaction", () => {
  test("a call exists if and when the transaction commits, and its commit wakes the workers", async () => {
    await using fixture = await ledgerFixture();
    const [api, worker] = [fixture.engine(), fixture.engine()];
    await Promise.all([api.start(), worker.start()]);
    const call = newCall();
    await fixture.sql.begin(async (transaction) => {
      expect(await api.accept(call, { transaction })).toMatchObject({ created: true });
      expect(await worker.claim(claimOne)).toEqual([]);
      expect(await worker.read(call.id, { principal: "ada" })).toBeNull();
    });
    const woken = nextWake((wake) => worker.onRunnable(["default"], wake));
    const [claimed] = await worker.claim(claimOne);
    expect(claimed?.id ?? (await woken.then(() => worker.claim(claimOne)))[0]?.id).toBe(call.id);
  });

  test("a call of a transaction that rolls back never was", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.start();
    const call = newCall({ idempotencyKey: "once" });
    await expect(
      fixture.sql.begin(async (transaction) => {
        await engine.accept(call, { transaction });
        throw new Error("changed my mind");
      }),
    ).rejects.toThrow("changed my mind");
    expect(await engine.read(call.id, { principal: "ada" })).toBeNull();
    expect(await engine.claim(claimOne)).toEqual([]);
    expect(await engine.accept(newCall({ idempotencyKey: "once", input: "other" }))).toMatchObject({ created: true });
  });

  test("two transactions with one key: the second waits for the first and gets its call", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.start();
    const [first, second] = [newCall({ idempotencyKey: "k" }), newCall({ idempotencyKey: "k" })];
    const firstAccepted = Promise.withResolvers<void>();
    const mayCommit = Promise.withResolvers<void>();
    const one = fixture.sql.begin(async (transaction) => {
      await engine.accept(first, { transaction });
      firstAccepted.resolve();
      await mayCommit.promise;
    });
    await firstAccepted.promise;
    const two = engine.accept(second);
    mayCommit.resolve();
    await one;
    expect(await two).toEqual({ id: first.id, state: "queued", created: false });
  });
});
