import { describe, expect, test } from "vitest";
import type { AttemptRef } from "../../src/attempt.ts";
import { parentCancelled } from "../../src/cancellation.ts";
import { ledger as firstLedger } from "../../src/postgres/migrations/0001-ledger.ts";
import { newCall } from "../new-call.ts";
import { type LedgerFixture, claimOne, ledgerFixture, nextWake } from "./ledger-fixture.ts";

const ada = { principal: "ada" };
const cancelled = { state: "cancelled", cancelReason: parentCancelled };
const atOnce = { timeout: 15_000 };

/** A call that runs, and two that it has started. */
async function family(fixture: LedgerFixture, given: Parameters<typeof newCall>[0] = {}) {
  const engine = fixture.engine();
  const parent = newCall(given);
  await engine.accept(parent);
  const [attempt] = await engine.claim(claimOne);
  const startedBy: AttemptRef = { id: parent.id, attempt: attempt!.attempt };
  const children = [newCall({ startedBy, delayMs: 3_600_000 }), newCall({ startedBy, delayMs: 3_600_000 })] as const;
  for (const child of children) await engine.accept(child);
  const stateOf = async (id: string) => (await engine.read(id, ada))?.state ?? null;
  return { engine, startedBy, parent, children, stateOf };
}

describe("passing a cancel on", () => {
  test("what a process that died left of it is done by another", async () => {
    await using fixture = await ledgerFixture();
    const { engine, parent, children } = await family(fixture);
    // The statement of a cancel, and nothing that follows it.
    await fixture.sql`
      update ${fixture.sql(fixture.schema)}.call
      set state = 'cancelled', cancelling = true, ended_at = now(), expires_at = null, due_at = now() + interval '1 hour' where id = ${parent.id}`;
    for (const { id } of children) await expect.poll(() => engine.read(id, ada), atOnce).toMatchObject(cancelled);
    await expect.poll(() => marks(fixture), atOnce).toBe(0);
  });

  test("a child whose row is held keeps nobody waiting, and is cancelled when it is free", async () => {
    await using fixture = await ledgerFixture();
    const { engine, parent, children, stateOf } = await family(fixture);
    const [held, free] = children;
    const [isHeld, mayGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holding = fixture.sql.begin(async (transaction) => {
      await transaction`select from ${transaction(fixture.schema)}.call where id = ${held.id} for update`;
      isHeld.resolve();
      await mayGo.promise;
    });
    using _release = { [Symbol.dispose]: () => mayGo.resolve() };
    await isHeld.promise;
    expect(await engine.cancel(parent.id, ada, null)).toEqual({ cancelled: true, state: "cancelled" });
    expect([await stateOf(held.id), await stateOf(free.id)]).toEqual(["queued", "cancelled"]);
    mayGo.resolve();
    await holding;
    await expect.poll(() => engine.read(held.id, ada), atOnce).toMatchObject(cancelled);
  });

  test("a child whose transaction is still open does not run when that commits, however short the parent was to be kept", async () => {
    await using fixture = await ledgerFixture();
    const { engine, parent, startedBy, children, stateOf } = await family(fixture, { retentionMs: 0 });
    const child = newCall({ startedBy });
    await fixture.sql.begin(async (transaction) => {
      await engine.accept(child, { transaction });
      await engine.cancel(parent.id, ada, null);
      for (const { id } of children) await expect.poll(() => stateOf(id), atOnce).toBe("cancelled");
      // Ended calls whose time has passed are deleted meanwhile.
      const ended = newCall({ retentionMs: 0 });
      await engine.accept(ended);
      await engine.cancel(ended.id, ada, null);
      await expect.poll(() => stateOf(ended.id), atOnce).toBeNull();
    });
    expect(await engine.claim(claimOne)).toEqual([]);
    await expect.poll(() => engine.read(child.id, ada), atOnce).toMatchObject(cancelled);
  });

  test("a call that never ran is not marked: it has started nothing", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const call = newCall();
    await engine.accept(call);
    await engine.cancel(call.id, ada, null);
    expect(await marks(fixture)).toBe(0);
  });
});

describe("a commit that starts calls", () => {
  test("wakes this process without a notification, at once and when a delay has passed", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine({ listen: false });
    await engine.accept(newCall());
    const [attempt] = await engine.claim(claimOne);
    const startedBy = { id: attempt!.id, attempt: 1 };
    const soon = newCall({ startedBy, queue: "soon" });
    const later = newCall({ startedBy, queue: "later", delayMs: 150 });
    const woken = ["soon", "later"].map((queue) => nextWake((wake) => engine.onRunnable([queue], wake)));
    await engine.commit(attempt!, async (transaction) => {
      for (const child of [soon, later]) await engine.accept(child, { transaction });
      return { value: null, output: "1" };
    });
    await Promise.all(woken);
    for (const { id, queue } of [soon, later]) expect(await engine.claim({ ...claimOne, queues: [queue] })).toMatchObject([{ id }]);
  });

  test("carries no notification in its transaction", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.accept(newCall());
    const [attempt] = await engine.claim(claimOne);
    const statements = await engine.commit(attempt!, async (transaction) => {
      const texts: string[] = [];
      const watched = new Proxy(transaction, {
        get(target, property, receiver) {
          const value: unknown = Reflect.get(target, property, receiver);
          if (property !== "unsafe") return value;
          return (text: string, parameters: unknown[], options: object) => {
            texts.push(`${text} ${JSON.stringify(parameters)}`);
            return target.unsafe(text, parameters as never[], options);
          };
        },
      });
      await engine.accept(newCall(), { transaction });
      await engine.accept(newCall(), { transaction: watched });
      return { value: texts, output: "1" };
    });
    // A transaction that the engine does not know has to carry it; that shows what to look for.
    expect(statements.filter((text) => text.includes("_wake"))).toHaveLength(1);
  });
});

describe("a ledger of the release before", () => {
  test("is migrated, and code of that release goes on working on it", async () => {
    await using fixture = await ledgerFixture();
    const { sql, schema } = fixture;
    await sql.unsafe(`
      create schema if not exists ${schema};
      create table ${schema}.migration (version integer primary key, applied_at timestamptz not null default now());
      insert into ${schema}.migration values (1);
      ${firstLedger(schema)}`);
    const acceptAsBefore = async (): Promise<string> => {
      const { id } = newCall();
      await sql`
        insert into ${sql(schema)}.call (id, path, queue, principal, state, seq, priority, input, context, input_hash, created_at, due_at, retention_ms)
        values (${id}, 'a', 'default', 'ada', 'queued', 1, 0, '{}', '{}', '', now(), now() - interval '1 minute', 3600000)`;
      return id;
    };
    const before = await acceptAsBefore();
    const engine = fixture.engine();
    await engine.start();
    const after = await acceptAsBefore();
    const claimed = new Set<string>();
    await expect
      .poll(async () => {
        for (const call of await engine.claim({ ...claimOne, limit: 5 })) claimed.add(call.id);
        return claimed;
      }, atOnce)
      .toEqual(new Set([before, after]));

    // A cancel of that release knows of no children: whoever would begin one passes it on.
    const child = newCall({ startedBy: { id: after, attempt: 1 } });
    await engine.accept(child);
    await sql`update ${sql(schema)}.call set state = 'cancelled', ended_at = now(), expires_at = null, due_at = now() + interval '1 hour' where id = ${after}`;
    expect(await engine.claim(claimOne)).toEqual([]);
    await expect.poll(() => engine.read(child.id, ada), atOnce).toMatchObject(cancelled);
  });
});

async function marks({ sql, schema }: LedgerFixture): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*)::int from ${sql(schema)}.call where cancelling`;
  return row?.count ?? 0;
}
