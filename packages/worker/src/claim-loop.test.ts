import { type Engine, EngineUnavailable } from "@raincheck/engine";
import { memoryEngine } from "@raincheck/engine/memory";
import { describe, expect, test } from "vitest";
import { HeldProcedure } from "../test/fake-raincheck.ts";
import { VirtualTime, settled } from "../test/virtual-time.ts";
import { newCall, workerUnderTest } from "../test/worker-under-test.ts";

const noop = { run: () => null };

/** Writes down every claim: what was asked, and what came. */
function watchClaims() {
  const claims: { readonly limit: number; brought: number }[] = [];
  let inFlight = 0;
  let mostInFlight = 0;
  const wrap = (engine: Engine): Engine => ({
    ...engine,
    async claim(request) {
      const claim = { limit: request.limit, brought: -1 };
      claims.push(claim);
      mostInFlight = Math.max(mostInFlight, ++inFlight);
      try {
        const calls = await engine.claim(request);
        claim.brought = calls.length;
        return calls;
      } finally {
        inFlight -= 1;
      }
    },
  });
  return { claims, wrap, mostInFlight: () => mostInFlight };
}

describe("the claim loop", () => {
  test("runs as many attempts at once as it may, and no more", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ concurrency: 3, procedures: { held } });
    const ids = await Promise.all(Array.from({ length: 8 }, () => under.call("held")));
    for (let ended = 0; ended < ids.length; ended++) {
      const run = await held.next();
      await settled();
      expect(held.running).toBe(Math.min(3, ids.length - ended));
      run.succeed(ended);
    }
    await Promise.all(ids.map((id) => under.whenEnded(id)));
    expect(held.peak).toBe(3);
  });

  test("claims at a wake: no time passes between the acceptance and the result", async () => {
    await using under = await workerUnderTest({ procedures: { noop } });
    await settled();
    const beforeMs = under.time.nowMs;
    for (let round = 0; round < 20; round++) await under.whenEnded(await under.call("noop"));
    expect(under.time.nowMs).toBe(beforeMs);
  });

  test("finds by its poll what no wake has told", async () => {
    await using under = await workerUnderTest({ procedures: { noop }, wrap: (engine) => ({ ...engine, onRunnable: () => () => {} }) });
    await settled();
    const id = await under.call("noop");
    // The twin of the test above: without wakes, and with no time passing, nothing happens.
    await settled();
    expect((await under.when(id, () => true)).state).toBe("queued");
    await under.time.advance(1_200);
    expect((await under.when(id, () => true)).state).toBe("succeeded");
  });

  test("drains a backlog without waiting, one claim at a time, each for all free slots", async () => {
    const watched = watchClaims();
    await using under = await workerUnderTest({ concurrency: 4, procedures: { noop }, wrap: watched.wrap });
    const ids = await Promise.all(Array.from({ length: 100 }, () => under.call("noop")));
    await Promise.all(ids.map((id) => under.whenEnded(id)));
    expect(watched.mostInFlight()).toBe(1);
    expect(watched.claims.every(({ limit }) => limit >= 1 && limit <= 4)).toBe(true);
    expect(watched.claims.reduce((sum, { brought }) => sum + brought, 0)).toBe(100);
  });

  test("keeps a wake that comes while a claim is in flight", async () => {
    let holding: PromiseWithResolvers<void> | null = null;
    const isClaiming = Promise.withResolvers<void>();
    await using under = await workerUnderTest({
      procedures: { noop },
      wrap: (engine) => ({
        ...engine,
        async claim(request) {
          const calls = await engine.claim(request);
          if (holding !== null) {
            isClaiming.resolve();
            await holding.promise;
          }
          return calls;
        },
      }),
    });
    await settled();
    holding = Promise.withResolvers<void>();
    // A wake for nothing: the claim finds an empty queue, and is then held on its way back.
    const first = await under.call("noop");
    await isClaiming.promise;
    const second = await under.call("noop");
    await settled();
    const release = holding;
    holding = null;
    release.resolve();
    await under.whenEnded(first);
    await under.whenEnded(second);
  });

  test("asks an idle engine about once a second", async () => {
    const watched = watchClaims();
    await using under = await workerUnderTest({ procedures: { noop }, wrap: watched.wrap });
    await settled();
    watched.claims.length = 0;
    await under.time.advance(60_000);
    expect(watched.claims.length).toBeGreaterThanOrEqual(50);
    expect(watched.claims.length).toBeLessThanOrEqual(75);
  });

  test("does not ask at all while no slot is free", async () => {
    const watched = watchClaims();
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ concurrency: 1, procedures: { held, noop }, wrap: watched.wrap });
    const id = await under.call("held");
    const run = await held.next();
    const behind = await under.call("noop");
    watched.claims.length = 0;
    await under.time.advance(60_000);
    expect(watched.claims).toEqual([]);
    run.succeed();
    await under.whenEnded(id);
    await under.whenEnded(behind);
  });

  test("waits out an engine that does not answer, and tells it once", async () => {
    const failedAtMs: number[] = [];
    let isDown = false;
    let nowMs = (): number => 0;
    await using under = await workerUnderTest({
      procedures: { noop },
      wrap: (engine) => ({
        ...engine,
        claim: async (request) => {
          if (!isDown) return engine.claim(request);
          failedAtMs.push(nowMs());
          throw new EngineUnavailable("claim", new Error("gone"));
        },
      }),
    });
    nowMs = () => under.time.nowMs;
    await settled();
    isDown = true;
    const id = await under.call("noop");
    await under.time.advance(60_000);
    const pauses = failedAtMs.slice(1).map((atMs, index) => atMs - failedAtMs[index]!);
    expect(pauses[0]).toBeGreaterThanOrEqual(80);
    expect(pauses[0]).toBeLessThanOrEqual(120);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(500);
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(400);
    expect(under.worker.status().isEngineAvailable).toBe(false);
    isDown = false;
    await under.time.advance(1_000);
    expect((await under.when(id, () => true)).state).toBe("succeeded");
    expect(under.logged("engine-unavailable")).toHaveLength(1);
    expect(under.logged("engine-recovered")).toMatchObject([{ facts: { failures: failedAtMs.length } }]);
  });

  test("runs ten thousand calls and leaves nothing behind", { timeout: 60_000 }, async () => {
    const time = new VirtualTime();
    const engine: Engine = memoryEngine({ clock: time.engineClock });
    const ids: string[] = [];
    for (let call = 0; call < 10_000; call++) ids.push((await engine.accept(newCall("noop"))).id);
    let subscriptions = 0;
    await using under = await workerUnderTest({
      beside: { engine, time },
      concurrency: 64,
      procedures: { noop },
      wrap: () => ({
        ...engine,
        subscribe: (id, wake) => {
          const unsubscribe = engine.subscribe(id, wake);
          subscriptions += 1;
          return () => {
            subscriptions -= 1;
            unsubscribe();
          };
        },
      }),
    });
    const last = ids.at(-1)!;
    while ((await engine.read(last, { principal: null }))!.state !== "succeeded") await settled();
    await settled();
    expect(under.worker.status()).toMatchObject({
      running: 0,
      abandoned: 0,
      outcomes: { succeeded: 10_000, failed: 0, lost: 0, stale: 0 },
    });
    expect(subscriptions).toBe(0);
    // The poll, the renewer, the watchdog, the voucher, the time limits, and the engine's retention: not one timer of an attempt.
    expect(under.time.timers).toBeLessThanOrEqual(6);
  });
});
