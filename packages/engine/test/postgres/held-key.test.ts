import { describe, expect, test } from "vitest";
import type { Acceptance, NewCall } from "../../src/new-call.ts";
import { newCall } from "../new-call.ts";
import { type LedgerFixture, ledgerFixture } from "./ledger-fixture.ts";

/** A second, and what a busy machine adds to it. */
const soonMs = 1_500;

/** Accepts a call in a transaction that stays open until it is told how to end. */
async function holdKey({ engine }: LedgerFixture, call: NewCall): Promise<(end: "commit" | "rollback") => Promise<void>> {
  const other = engine();
  const held = Promise.withResolvers<void>();
  const ending = Promise.withResolvers<"commit" | "rollback">();
  const holding = other.transaction(async (transaction) => {
    await other.accept(call, { transaction });
    held.resolve();
    if ((await ending.promise) === "rollback") throw new Error("rolled back");
  });
  await Promise.race([held.promise, holding]);
  return async (end) => {
    ending.resolve(end);
    await holding.catch(() => undefined);
  };
}

/** How long something took, with what came of it. */
async function timed<TValue>(work: Promise<TValue>): Promise<{ value: TValue; ms: number }> {
  const beganMs = performance.now();
  return { value: await work, ms: performance.now() - beganMs };
}

describe("an idempotency key that another transaction holds", () => {
  test.each(["commit", "rollback"] as const)("holds up no call with another key or none, and is answered after its %s", async (end) => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.start();
    const holder = newCall({ idempotencyKey: "held" });
    const release = await holdKey(fixture, holder);
    const waiting = [newCall({ idempotencyKey: "held" }), newCall({ idempotencyKey: "held" })];
    const answers = waiting.map((call) => engine.accept(call));
    // Some share its batch, and some come later.
    const slow: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const others = Array.from({ length: 100 }, (_, n) => newCall({ idempotencyKey: n % 2 === 0 ? `other ${round} ${n}` : null }));
      for (const { value, ms } of await Promise.all(others.map((call) => timed(engine.accept(call))))) {
        expect(value.created).toBe(true);
        if (ms > soonMs) slow.push(ms);
      }
    }
    expect(slow).toEqual([]);
    await release(end);
    const [first, second] = await Promise.all(answers);
    const made = end === "commit" ? holder : waiting[0]!;
    expect(first).toEqual<Acceptance>({ id: made.id, state: "queued", created: end === "rollback" });
    expect(second).toEqual<Acceptance>({ id: made.id, state: "queued", created: false });
  });

  test("is refused after a while, and can be started again under the same key", { timeout: 60_000 }, async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.start();
    const holder = newCall({ idempotencyKey: "held" });
    const release = await holdKey(fixture, holder);
    const { value, ms } = await timed(Promise.allSettled([engine.accept(newCall({ idempotencyKey: "held" }))]));
    expect(value).toEqual([{ status: "rejected", reason: expect.objectContaining({ _tag: "EngineUnavailable" }) }]);
    expect(ms).toBeLessThan(10_000);
    await release("commit");
    expect(await engine.accept(newCall({ idempotencyKey: "held" }))).toEqual({ id: holder.id, state: "queued", created: false });
  });

  test(
    "that hundreds ask for at once holds up no call with another key, and each of them is refused in time",
    { timeout: 60_000 },
    async () => {
      await using fixture = await ledgerFixture();
      const engine = fixture.engine();
      await engine.start();
      const release = await holdKey(fixture, newCall({ idempotencyKey: "held" }));
      const asking = Promise.all(
        Array.from({ length: 300 }, () => timed(Promise.allSettled([engine.accept(newCall({ idempotencyKey: "held" }))]))),
      );
      const other = await timed(engine.accept(newCall({ idempotencyKey: "other" })));
      expect(other.value.created).toBe(true);
      expect(other.ms).toBeLessThan(3_000);
      for (const { value, ms } of await asking) {
        expect(value).toEqual([{ status: "rejected", reason: expect.objectContaining({ _tag: "EngineUnavailable" }) }]);
        expect(ms).toBeLessThan(10_000);
      }
      await release("rollback");
    },
  );
});

test("a table that is locked is waited for, and no batch is taken apart for it", async () => {
  await using fixture = await ledgerFixture();
  const { sql, schema } = fixture;
  const engine = fixture.engine();
  await engine.accept(newCall());
  const locked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const locking = sql.begin(async (transaction) => {
    await transaction`lock table ${transaction(schema)}.call in share mode`;
    locked.resolve();
    await released.promise;
  });
  await locked.promise;
  const answers = Promise.all(Array.from({ length: 50 }, (_, n) => engine.accept(newCall({ idempotencyKey: `key ${n}` }))));
  const waiting = () => sql<{ waitedMs: number }[]>`
    select extract(epoch from now() - query_start)::float8 * 1000 as "waitedMs" from pg_stat_activity
    where wait_event_type = 'Lock' and query like ${`%json_to_recordset%"${schema}".call%`}`;
  // Longer than a held key is waited for.
  await expect.poll(async () => (await waiting())[0]?.waitedMs ?? 0, { timeout: 15_000 }).toBeGreaterThan(600);
  released.resolve();
  await locking;
  expect((await answers).filter(({ created }) => created)).toHaveLength(50);
});
