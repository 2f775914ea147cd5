import { describe, expect, test } from "vitest";
import { type FaultProxy, faultProxy } from "../../../../tooling/vitest/fault-proxy.ts";
import type { Engine } from "../../src/engine.ts";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture, onWake } from "./ledger-fixture.ts";

interface Outage {
  readonly begin: (proxy: FaultProxy) => Promise<void>;
  readonly end: (proxy: FaultProxy) => Promise<void>;
  /** How long the first verb may take to be told. */
  readonly noticedMs: number;
}

const stopped: Outage = { begin: (proxy) => proxy.stop(), end: (proxy) => proxy.restart(), noticedMs: 1_000 };
const silent: Outage = {
  begin: async (proxy) => void (proxy.blackhole = true),
  end: async (proxy) => void (proxy.blackhole = false),
  noticedMs: 7_000,
};
/** What a busy machine may take longer for. */
const slackMs = 1_000;
const patience = { timeout: 15_000, interval: 20 };

/** How long an act takes, and whether the ledger answered. */
async function timed(act: () => Promise<unknown>): Promise<{ tag: string; tookMs: number }> {
  const beginMs = performance.now();
  const tag = await act().then(
    () => "answered",
    (error: unknown) => (error instanceof Error && "_tag" in error ? String(error._tag) : String(error)),
  );
  return { tag, tookMs: performance.now() - beginMs };
}

describe.each([
  ["stopped", stopped],
  ["silent", silent],
] as const)("while Postgres is %s", (_, outage) => {
  test("the first verb is told soon, the next ones at once; when it is back, verbs are answered within a second", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine = fixture.engine({ url: proxy.url });
    await engine.accept(newCall());
    await outage.begin(proxy);
    const first = await timed(() => engine.accept(newCall()));
    expect(first.tag).toBe("EngineUnavailable");
    expect(first.tookMs).toBeLessThan(outage.noticedMs + slackMs);
    // A stop is known when a few have met it, a silence when one has.
    await expect.poll(() => timed(() => engine.accept(newCall())).then(({ tookMs }) => tookMs), patience).toBeLessThan(20);
    const next = await Promise.all(Array.from({ length: 200 }, () => timed(() => engine.accept(newCall()))));
    expect(new Set(next.map(({ tag }) => tag))).toEqual(new Set(["EngineUnavailable"]));
    expect(Math.max(...next.map(({ tookMs }) => tookMs))).toBeLessThan(500);
    const transaction = await timed(() => engine.transaction(async (sql) => sql`select 1`));
    expect(transaction.tookMs).toBeLessThan(500);
    await outage.end(proxy);
    const backMs = performance.now();
    await expect.poll(() => timed(() => engine.accept(newCall())).then(({ tag }) => tag), patience).toBe("answered");
    expect(performance.now() - backMs).toBeLessThan(1_000 + slackMs);
  });

  test("results that were finished are settled when it is back, and are not taken for lost before", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const [engine, other] = [fixture.engine({ url: proxy.url }), fixture.engine({ url: proxy.url })];
    await other.start();
    const { id } = await engine.accept(newCall());
    const [attempt] = await engine.claim({ ...claimOne, leaseMs: 500 });
    await outage.begin(proxy);
    const settle = () => engine.settle(attempt!, { type: "succeeded", output: "1" });
    // Until both know of it, for then no keeper may take its lease for ended.
    for (const one of [engine, other]) {
      await expect.poll(() => timed(() => one.read(id, { principal: "ada" })).then(({ tag }) => tag), patience).toBe("EngineUnavailable");
    }
    await outage.end(proxy);
    for (const one of [engine, other]) {
      await expect.poll(() => timed(() => one.read(id, { principal: "ada" })).then(({ tag }) => tag), patience).toBe("answered");
    }
    const backMs = performance.now();
    // The lease has ended long ago, and both keepers have had two passes and more.
    await expect.poll(() => performance.now() - backMs, patience).toBeGreaterThan(1_200);
    expect(await settle()).toBe("settled");
    const page = await engine.events(id, 0, { principal: "ada" });
    expect(page?.events.map(({ type }) => type)).toEqual(["queued", "started", "succeeded"]);
  });

  test("a lease that ends is taken back a few seconds after the return, when nobody has settled for it", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine = fixture.engine({ url: proxy.url });
    const { id } = await engine.accept(newCall());
    await engine.claim({ ...claimOne, leaseMs: 500 });
    await outage.begin(proxy);
    await expect.poll(() => timed(() => engine.read(id, { principal: "ada" })).then(({ tag }) => tag), patience).toBe("EngineUnavailable");
    await outage.end(proxy);
    const state = () =>
      engine.read(id, { principal: "ada" }).then(
        (record) => record?.state,
        () => "unavailable",
      );
    await expect.poll(state, patience).toBe("queued");
  });

  test("an engine that is stopped has stopped soon", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine = fixture.engine({ url: proxy.url });
    const { id } = await engine.accept(newCall());
    using _ = onWake(engine, id, async () => {});
    await outage.begin(proxy);
    const [accepted, stop] = await Promise.all([timed(() => engine.accept(newCall())), timed(() => engine.stop())]);
    expect(accepted.tag).toBe("EngineUnavailable");
    expect(stop).toMatchObject({ tag: "answered" });
    expect(stop.tookMs).toBeLessThan(1_000 + slackMs);
  });
});

describe("a connection that went silent while Postgres is there", () => {
  test("is dropped, and what it was used for is done on another", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine: Engine<unknown> = fixture.engine({ url: proxy.url });
    const { id } = await engine.accept(newCall());
    const readAtOnce = () => Promise.all(Array.from({ length: 8 }, () => timed(() => engine.read(id, { principal: "ada" }))));
    await readAtOnce();
    proxy.silenceAll();
    const read = await readAtOnce();
    expect(read.map(({ tag }) => tag)).toEqual(Array.from({ length: 8 }, () => "answered"));
    expect(Math.max(...read.map(({ tookMs }) => tookMs))).toBeLessThan(6_000 + slackMs);
    // Without any of them being so again.
    expect(Math.max(...(await readAtOnce()).map(({ tookMs }) => tookMs))).toBeLessThan(slackMs);
  });
});
