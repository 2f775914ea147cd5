import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { describe, expect, inject, test } from "vitest";
import type { ServerWarning } from "../../src/engine-errors.ts";
import { claim } from "../../src/postgres/claiming/claim.ts";
import { acceptBatch } from "../../src/postgres/accepting/accept.ts";
import { startServerWatch } from "../../src/postgres/keeping/server-watch.ts";
import { atStart, openControl } from "../../src/postgres/sessions/connections.ts";
import { watchForOutages } from "../../src/postgres/sessions/outage.ts";
import { settleBatch } from "../../src/postgres/settling/settle.ts";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture } from "./ledger-fixture.ts";
import { ledgerWithoutKeeper } from "./ledger-without-keeper.ts";

describe("a transaction that stays open", () => {
  test("is warned of once, with the process to end, and once more when another one stays open after it", async () => {
    await using database = await ownDatabase();
    const { control, sql } = database;
    const warnings: ServerWarning[] = [];
    let looks = 0;
    const counted = { ...control, use: ((work) => control.use(work).finally(() => (looks += 1))) as typeof control.use };
    const watching = { control: counted, everyMs: 20, openForMs: 100, onWarning: (warning: ServerWarning) => warnings.push(warning) };
    await using opened = new AsyncDisposableStack();
    const looked = () => {
      const before = looks;
      return expect.poll(() => looks, { timeout: 15_000 }).toBeGreaterThan(before + 2);
    };
    const pid = await openFor(sql, async (own) => {
      opened.adopt(startServerWatch(watching), (watch) => watch.close());
      await expect.poll(() => warnings.length, { timeout: 15_000 }).toBe(1);
      await looked();
      return own;
    });
    expect(warnings).toMatchObject([{ _tag: "ServerWarning", about: "open-transaction" }]);
    expect(warnings[0]!.message).toContain(`pg_terminate_backend(${pid})`);
    await looked();
    await openFor(sql, () => expect.poll(() => warnings.length, { timeout: 15_000 }).toBe(2));
  });

  test("beside a backlog of which it keeps everything that has ended, lets a claim take no longer than some ten milliseconds", async () => {
    await using fixture = await ledgerFixture();
    await using without = await ledgerWithoutKeeper(fixture);
    const { ledger } = without;
    await ledger.delivery.prepare(["default"]);
    const accept = (count: number) =>
      acceptBatch(
        ledger,
        Array.from({ length: count }, () => newCall()),
      );
    for (let made = 0; made < 5_000; made += 500) await accept(500);
    const claimMs: number[] = [];
    await openFor(fixture.sql, async () => {
      for (let round = 0; round < 100; round += 1) {
        const beginMs = performance.now();
        const attempts = await claim(ledger, { ...claimOne, limit: 50 });
        claimMs.push(performance.now() - beginMs);
        expect(attempts).toHaveLength(50);
        await settleBatch(
          ledger,
          attempts.map((attempt) => ({ attempt, settlement: { type: "succeeded", output: "1" } })),
        );
      }
    });
    const [fastest] = claimMs.slice(-20).sort((a, b) => a - b);
    expect(fastest).toBeLessThan(50);
  });
});

type Fixture = Awaited<ReturnType<typeof ledgerFixture>>;

/** A database of the test's own: other tests share the server, and leave transactions open in theirs. Disposing drops it. */
async function ownDatabase() {
  await using opening = new AsyncDisposableStack();
  const name = `test_${randomBytes(8).toString("hex")}`;
  const shared = opening.adopt(postgres(inject("postgresUrl"), { max: 1 }), (one) => one.end());
  await shared`create database ${shared(name)}`;
  opening.defer(() => shared`drop database ${shared(name)} with (force)`.then(() => undefined));
  const url = Object.assign(new URL(inject("postgresUrl")), { pathname: name }).href;
  const sql = opening.adopt(postgres(url, { max: 2 }), (one) => one.end({ timeout: 1 }));
  const outages = opening.adopt(
    watchForOutages(async () => "working"),
    (watch) => watch.close(),
  );
  const arrays = await atStart(url, async () => undefined);
  const control = opening.adopt(openControl({ url, arrays, isPooled: false, outages }), (sessions) => sessions.end(100));
  const opened = opening.move();
  return { sql, control, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Runs `work` beside a transaction that has read once and does nothing more; it is given the transaction's process. */
async function openFor<TValue>(sql: Fixture["sql"], work: (pid: number) => Promise<TValue>): Promise<TValue> {
  let result: { readonly value: TValue } | undefined;
  await sql.begin("isolation level repeatable read", async (transaction) => {
    const [row] = await transaction<{ pid: number }[]>`select pg_backend_pid() as pid, count(*) from pg_class`;
    result = { value: await work(row!.pid) };
  });
  return result!.value;
}
