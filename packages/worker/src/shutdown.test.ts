import { type Engine, EngineUnavailable } from "@raincheck/engine";
import { describe, expect, test } from "vitest";
import { HeldProcedure } from "../test/fake-raincheck.ts";
import { settled } from "../test/virtual-time.ts";
import { type WorkerUnderTest, workerUnderTest } from "../test/worker-under-test.ts";

/** How long a stop takes in virtual time, moved in small steps. */
async function stopping(under: WorkerUnderTest, stop: () => Promise<void>): Promise<number> {
  const beginMs = under.time.nowMs;
  let isStopped = false;
  const stopped = stop().then(() => (isStopped = true));
  await settled();
  while (!isStopped) await under.time.advance(10);
  await stopped;
  return under.time.nowMs - beginMs;
}

describe("a graceful stop", () => {
  test("takes no time when nothing runs", async () => {
    await using under = await workerUnderTest({ procedures: {} });
    await settled();
    expect(await stopping(under, () => under.stop())).toBe(0);
    expect(under.worker.status().state).toBe("stopped");
    expect(under.time.timers).toBe(0);
  });

  test("claims no more, lets running attempts finish, and then ends", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ concurrency: 2, procedures: { held } });
    const id = await under.call("held");
    const run = await held.next();
    const stopped = under.stop();
    await settled();
    expect(under.worker.status().state).toBe("stopping");
    const late = await under.call("held");
    await under.time.advance(10_000);
    expect(held.begun).toBe(1);
    run.succeed("finished");
    await stopped;
    expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded", output: `"finished"` });
    expect(await under.when(late, () => true)).toMatchObject({ state: "queued", attempt: 0 });
  });

  test("keeps the leases of what it lets finish", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ lease: "4 seconds", shutdownGrace: "1 minute", procedures: { held } });
    const id = await under.call("held");
    const run = await held.next();
    const stopped = under.stop();
    await under.time.advance(50_000);
    run.succeed("finished");
    await stopped;
    expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded", attempt: 1 });
  });

  test("hands back after the grace what has not finished, without spending an attempt", async () => {
    const held = new HeldProcedure({ retry: { attempts: 3, initialDelay: "0 seconds" } });
    await using one = await workerUnderTest({ shutdownGrace: "30 seconds", procedures: { held } });
    const id = await one.call("held");
    (await held.next()).fail(new Error("once"));
    const run = await held.next();
    expect(run.call).toMatchObject({ attempt: 2, failures: 1 });
    expect(await stopping(one, () => one.stop())).toBe(30_000);
    expect(await run.aborted).toBe("shutdown");
    expect((await one.events(id)).at(-1)).toMatchObject({ type: "retrying", reason: "handed-back", delayMs: 0, failure: null });
    expect(one.logged("worker-stopped")).toMatchObject([{ facts: { handedBack: 1, left: 0 } }]);

    await using two = await workerUnderTest({ beside: one, procedures: { held } });
    const again = await held.next();
    expect(again.call).toMatchObject({ id, attempt: 3, failures: 1 });
    // Its third attempt, but its second failure of three: it is still worth another.
    again.fail(new Error("twice"));
    const last = await held.next();
    expect(last.call).toMatchObject({ id, attempt: 4, failures: 2 });
    last.fail(new Error("thrice"));
    expect(await two.whenEnded(id)).toMatchObject({ state: "failed", attempt: 4 });
  });

  test("skips the rest of the grace when it is asked again", async () => {
    const held = new HeldProcedure();
    await using under = await workerUnderTest({ shutdownGrace: "1 hour", procedures: { held } });
    const id = await under.call("held");
    const run = await held.next();
    const first = under.stop();
    await under.time.advance(1_000);
    expect(under.worker.status().state).toBe("stopping");
    expect(await stopping(under, () => under.stop())).toBe(0);
    await first;
    expect(await run.aborted).toBe("shutdown");
    expect(await under.when(id, () => true)).toMatchObject({ state: "queued" });
  });

  test("hands back what a claim in flight still brings", async () => {
    const holding = Promise.withResolvers<void>();
    const isClaiming = Promise.withResolvers<void>();
    const held = new HeldProcedure();
    let isHolding = false;
    await using under = await workerUnderTest({
      procedures: { held },
      wrap: (engine) => ({
        ...engine,
        async claim(request) {
          const calls = await engine.claim(request);
          if (calls.length > 0 && isHolding) {
            isClaiming.resolve();
            await holding.promise;
          }
          return calls;
        },
      }),
    });
    await settled();
    isHolding = true;
    const id = await under.call("held");
    await isClaiming.promise;
    const stopped = under.stop();
    await settled();
    expect((await under.when(id, () => true)).state).toBe("running");
    holding.resolve();
    await stopped;
    expect(await under.when(id, () => true)).toMatchObject({ state: "queued", attempt: 1 });
    expect(held.begun).toBe(0);
  });

  test.each(["rejects", "hangs"] as const)("ends within the grace and a second while the engine %s", async (mode) => {
    let isDown = false;
    const down = (): Promise<never> =>
      mode === "rejects" ? Promise.reject(new EngineUnavailable("down", new Error("gone"))) : new Promise(() => {});
    const held = new HeldProcedure();
    const wrap = (engine: Engine): Engine => ({
      ...engine,
      claim: (request) => (isDown ? down() : engine.claim(request)),
      extend: (attempts, leaseMs) => (isDown ? down() : engine.extend(attempts, leaseMs)),
      settle: (attempt, settlement) => (isDown ? down() : engine.settle(attempt, settlement)),
    });
    await using under = await workerUnderTest({ lease: "1 minute", shutdownGrace: "5 seconds", procedures: { held }, wrap });
    const finished = await under.call("held");
    await under.call("held");
    const run = await held.next();
    const other = await held.next();
    isDown = true;
    await under.time.advance(2_000);
    // One has its result and waits for the ledger; one runs on.
    run.succeed("kept as long as possible");
    const tookMs = await stopping(under, () => under.stop());
    expect(tookMs).toBeGreaterThanOrEqual(5_000);
    expect(tookMs).toBeLessThanOrEqual(6_000);
    expect(await other.aborted).toBe("shutdown");
    expect(under.logged("result-dropped")).toHaveLength(2);
    expect(under.logged("result-dropped")[0]).toMatchObject({ level: "error", call: { id: finished } });
    expect(under.worker.status().outcomes.unsettled).toBe(2);
  });
});
