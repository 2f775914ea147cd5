import { describe, expect, test } from "vitest";
import { faultProxy } from "../../../../tooling/vitest/fault-proxy.ts";
import { payloads } from "../../src/postgres/waking/wake.ts";
import type { WakeHint } from "../../src/wake-hint.ts";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture, nextWake } from "./ledger-fixture.ts";

const patience = { timeout: 15_000 };
const slowPoll = { pollMs: 3_600_000 };

describe("wakes", () => {
  test("cross processes without a poll", async () => {
    await using fixture = await ledgerFixture();
    const [api, worker] = [fixture.engine(slowPoll), fixture.engine(slowPoll)];
    await Promise.all([api.start(), worker.start()]);
    await listening(fixture, 2);
    const runnable = nextWake((wake) => worker.onRunnable(["default"], wake));
    const { id } = await api.accept(newCall());
    await runnable;
    const changed = nextWake((wake) => api.subscribe(id, wake));
    expect(await worker.claim(claimOne)).toHaveLength(1);
    await changed;
  });

  test("a listener whose connection is terminated listens again, and everybody looks once", async () => {
    await using fixture = await ledgerFixture();
    const [api, worker] = [fixture.engine(slowPoll), fixture.engine(slowPoll)];
    await Promise.all([api.start(), worker.start()]);
    const before = await listening(fixture, 2);
    const looked = nextWake((wake) => worker.onRunnable(["default"], wake));
    for (const pid of before) await fixture.sql`select pg_terminate_backend(${pid})`;
    await looked;
    await listening(fixture, 2, before);
    const runnable = nextWake((wake) => worker.onRunnable(["default"], wake));
    await api.accept(newCall());
    await runnable;
  });

  test("a listener whose connection went silent listens again", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine = fixture.engine({ ...slowPoll, url: proxy.url });
    // The first LISTEN wakes everybody too.
    await nextWake((wake) => engine.onRunnable(["default"], wake));
    const before = await listening(fixture, 1);
    const looked = nextWake((wake) => engine.onRunnable(["default"], wake));
    const brokenMs = performance.now();
    proxy.silenceAll();
    await looked;
    expect(performance.now() - brokenMs).toBeLessThan(17_000);
    // The server has not heard of the end of the old one.
    await expect.poll(async () => (await listenerPids(fixture)).filter((pid) => !before.includes(pid)).length, patience).toBe(1);
  });

  test("with listen: false the poll finds what changed, and no connection listens", async () => {
    await using fixture = await ledgerFixture();
    const [api, worker] = [fixture.engine({ listen: false }), fixture.engine({ listen: false })];
    const { id } = await api.accept(newCall());
    const first = nextWake((wake) => api.subscribe(id, wake));
    await worker.claim(claimOne);
    await first;
    expect(await listenerPids(fixture)).toEqual([]);
  });

  test("forged and malformed notifications harm nobody", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine(slowPoll);
    const { id } = await engine.accept(newCall());
    await listening(fixture, 1);
    const woken = nextWake((wake) => engine.subscribe(id, wake));
    const junk = ["", " ", "x", "x c", "x q", "x cconstructor q__proto__", `x c${id}'; drop table call`, "\u{1F600}".repeat(500)];
    for (const payload of junk) await fixture.sql.notify(`${fixture.schema}_wake`, payload);
    await fixture.sql.notify(`${fixture.schema}_wake`, `forger c${id}`);
    await woken;
    expect(await engine.read(id, { principal: "ada" })).toMatchObject({ state: "queued" });
  });

  test("a call that begins is told to go on, and one of unknown fate by a release that tells nothing of it may have ended", async () => {
    await using fixture = await ledgerFixture();
    const [api, worker] = [fixture.engine(slowPoll), fixture.engine(slowPoll)];
    await Promise.all([api.start(), worker.start()]);
    const { id } = await api.accept(newCall());
    await listening(fixture, 2);
    let hints: WakeHint[] = [];
    using _following = { [Symbol.dispose]: api.subscribe(id, (hint) => void hints.push(hint)) };
    await worker.claim(claimOne);
    await expect.poll(() => hints, patience).toContain("open");
    hints = [];
    await fixture.sql.notify(`${fixture.schema}_wake`, `older c${id}`);
    await expect.poll(() => hints, patience).toEqual(["unknown"]);
  });

  test("payloads stay below the 8,000 bytes that Postgres refuses, and carry each word once", () => {
    const words = Array.from({ length: 1_000 }, (_, index) => `c${String(index).padStart(36, "0")}`);
    const packed = payloads("sender", [...words, ...words]);
    expect(Math.max(...packed.map((payload) => Buffer.byteLength(payload)))).toBeLessThan(8_000);
    expect(packed.flatMap((payload) => payload.split(" ").slice(1))).toEqual(words);
    expect(packed.length).toBe(5);
  });
});

type Fixture = Awaited<ReturnType<typeof ledgerFixture>>;

/** Listening connections of this fixture's schema: their last statement was the LISTEN. */
async function listenerPids({ sql, schema }: Fixture): Promise<number[]> {
  const rows = await sql<{ pid: number }[]>`
    select pid from pg_stat_activity where application_name = 'raincheck listener' and query = ${`listen ${schema}_wake`} and state = 'idle' order by pid`;
  return rows.map(({ pid }) => pid);
}

/** Waits until so many connections listen, none of them of the ones named. */
async function listening(fixture: Fixture, count: number, not: readonly number[] = []): Promise<number[]> {
  for (;;) {
    const pids = await listenerPids(fixture);
    if (pids.length === count && !pids.some((pid) => not.includes(pid))) return pids;
  }
}
