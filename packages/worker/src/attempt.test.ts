import type { ClaimRequest, Engine } from "@raincheck/engine";
import { EngineUnavailable, StaleAttempt } from "@raincheck/engine";
import { FinalError, type Policy, RetryError } from "@raincheck/protocol";
import { describe, expect, test } from "vitest";
import { HeldProcedure, fakeRaincheck } from "../test/fake-raincheck.ts";
import { settled } from "../test/virtual-time.ts";
import { workerUnderTest } from "../test/worker-under-test.ts";

const onceNoJitter = { retry: { attempts: 2, initialDelay: "10 seconds", jitter: false } } as const;

describe("an attempt that returns", () => {
  test("ends the call with its output", async () => {
    await using under = await workerUnderTest({ procedures: { double: { run: ({ input }) => Number(input) * 2 } } });
    const id = await under.call("double", { input: "21" });
    expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded", attempt: 1, output: "42" });
    expect((await under.events(id)).map(({ type }) => type)).toEqual(["queued", "started", "succeeded"]);
  });

  test("never has its signal aborted", async () => {
    let signal: AbortSignal | null = null;
    await using under = await workerUnderTest({ procedures: { noop: { run: (run) => void (signal = run.signal) } } });
    await under.whenEnded(await under.call("noop"));
    await under.stop();
    expect(signal!.aborted).toBe(false);
  });

  test("after its commit is not settled again", async () => {
    const settles: string[] = [];
    await using under = await workerUnderTest({
      procedures: { book: { run: ({ commit }) => commit("booked") }, plain: { run: () => "returned" } },
      wrap: (engine) => ({ ...engine, settle: (attempt, settlement) => (settles.push(attempt.id), engine.settle(attempt, settlement)) }),
    });
    const booked = await under.call("book");
    const plain = await under.call("plain");
    expect(await under.whenEnded(booked)).toMatchObject({ state: "succeeded", output: `"booked"` });
    await under.whenEnded(plain);
    await settled();
    expect(settles).toEqual([plain]);
    expect(under.worker.status().outcomes.succeeded).toBe(2);
  });
});

describe("an attempt that throws", () => {
  test.each([
    ["null", null],
    ["undefined", undefined],
    ["a string", "no"],
    ["a frozen object", Object.freeze({ a: 1 })],
    ["an error", new Error("no")],
  ])("%s is retried after the policy's delay, and then fails the call", async (_name, thrown) => {
    const procedure = { policy: onceNoJitter, run: () => Promise.reject(thrown) };
    await using under = await workerUnderTest({ procedures: { broken: procedure } });
    const id = await under.call("broken");
    const record = await under.when(id, ({ seq }) => seq === 3);
    expect(record.state).toBe("queued");
    expect((await under.events(id))[2]).toMatchObject({ type: "retrying", reason: "failed", delayMs: 10_000, attempt: 1 });

    await under.time.advance(9_999);
    expect((await under.when(id, () => true)).attempt).toBe(1);
    await under.time.advance(2);
    expect(await under.whenEnded(id)).toMatchObject({
      state: "failed",
      attempt: 2,
      failure: { code: "INTERNAL_SERVER_ERROR", errorId: "e-1" },
    });
    // The caller sees a code; the log and the error tracker see what was thrown.
    expect(under.logged("attempt-failed")).toHaveLength(2);
    expect(under.errors).toHaveLength(2);
    if (thrown !== undefined) expect(under.errors[0]).toBe(thrown);
  });

  test("a revoked proxy is retried and then fails the call, like anything else", async () => {
    const run = () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      throw proxy;
    };
    await using under = await workerUnderTest({ procedures: { hostile: { policy: onceNoJitter, run } } });
    const id = await under.call("hostile");
    await under.time.advance(10_001);
    expect(await under.whenEnded(id)).toMatchObject({ state: "failed", attempt: 2 });
  });

  test("synchronously fails like one that rejects", async () => {
    const run = () => {
      throw new FinalError("not today");
    };
    await using under = await workerUnderTest({ procedures: { broken: { run } } });
    expect(await under.whenEnded(await under.call("broken"))).toMatchObject({ state: "failed", failure: { message: "not today" } });
  });

  test("a FinalError fails the call at once, whatever the policy says", async () => {
    await using under = await workerUnderTest({
      procedures: { broken: { policy: onceNoJitter, run: () => Promise.reject(new FinalError("no")) } },
    });
    expect(await under.whenEnded(await under.call("broken"))).toMatchObject({ state: "failed", attempt: 1 });
  });

  test("a RetryError is retried when it asks to be, but not more often than the policy says", async () => {
    const run = () => Promise.reject(new RetryError({ after: "3 seconds" }));
    await using under = await workerUnderTest({ procedures: { broken: { policy: onceNoJitter, run } } });
    const id = await under.call("broken");
    await under.when(id, ({ seq }) => seq === 3);
    expect((await under.events(id))[2]).toMatchObject({ type: "retrying", delayMs: 3_000 });
    await under.time.advance(3_001);
    expect(await under.whenEnded(id)).toMatchObject({ state: "failed", attempt: 2, failure: { code: "RETRY" } });
  });

  test("retry.when decides what is worth a retry", async () => {
    const seen: unknown[] = [];
    const when = (error: unknown) => (seen.push(error), error === "again");
    const run = ({ input }: { input: unknown }) => Promise.reject(input);
    await using under = await workerUnderTest({ procedures: { broken: { policy: { retry: { ...onceNoJitter.retry, when } }, run } } });
    const given = await under.call("broken", { input: `"enough"` });
    expect(await under.whenEnded(given)).toMatchObject({ state: "failed", attempt: 1 });
    const again = await under.call("broken", { input: `"again"` });
    expect(await under.when(again, ({ seq }) => seq === 3)).toMatchObject({ state: "queued" });
    expect(seen).toEqual(["enough", "again"]);
  });

  test("a retry.when that gives a promise counts as worth a retry, and is logged with the procedure's name", async () => {
    const when = (() => Promise.reject(new Error("no is the answer"))) as never;
    const run = () => Promise.reject(new Error("today not"));
    await using under = await workerUnderTest({ procedures: { broken: { policy: { retry: { ...onceNoJitter.retry, when } }, run } } });
    const id = await under.call("broken");
    expect(await under.when(id, ({ seq }) => seq === 3)).toMatchObject({ state: "queued" });
    expect(under.logged("retry-when-async")).toMatchObject([
      { level: "warn", call: { id }, message: expect.stringContaining("retry.when of broken gave a promise") },
    ]);
  });

  test("a RetryError whose wait cannot be read is retried by the policy, and is logged", async () => {
    const run = () => Promise.reject(Object.assign(new Error("busy"), { _tag: "RetryError", after: "-5 seconds" }));
    await using under = await workerUnderTest({ procedures: { broken: { policy: onceNoJitter, run } } });
    const id = await under.call("broken");
    expect(await under.when(id, ({ seq }) => seq === 3)).toMatchObject({ state: "queued" });
    expect(under.logged("retry-after-unreadable")).toMatchObject([
      { level: "warn", call: { id }, error: { message: expect.stringContaining(`"-5 seconds"`) } },
    ]);
    expect((await under.events(id)).at(-1)).toMatchObject({ type: "retrying", reason: "failed" });
  });

  test("a retry.when that throws counts as worth a retry, and is logged", async () => {
    const when = () => {
      throw new Error("when is broken");
    };
    const run = () => Promise.reject(new Error("no"));
    await using under = await workerUnderTest({ procedures: { broken: { policy: { retry: { ...onceNoJitter.retry, when } }, run } } });
    const id = await under.call("broken");
    expect(await under.when(id, ({ seq }) => seq === 3)).toMatchObject({ state: "queued" });
    expect(under.logged("retry-when-threw")).toMatchObject([{ level: "warn", call: { id }, error: { message: "when is broken" } }]);
  });

  test("StaleAttempt drops the attempt without settling it", async () => {
    const settles: unknown[] = [];
    const stale = new StaleAttempt({ id: "x", attempt: 1 });
    await using under = await workerUnderTest({
      procedures: { late: { run: () => Promise.reject(stale) } },
      wrap: (engine) => ({ ...engine, settle: (...args) => (settles.push(args), engine.settle(...args)) }),
    });
    await under.call("late");
    await settled();
    expect(under.worker.status()).toMatchObject({ running: 0, outcomes: { stale: 1, failed: 0 } });
    expect(settles).toEqual([]);
  });

  test("EngineUnavailable goes back without spending an attempt", async () => {
    let runs = 0;
    const policy = { retry: { attempts: 1 } };
    const run = () => (++runs < 4 ? Promise.reject(new EngineUnavailable("commit", new Error("gone"))) : "done");
    await using under = await workerUnderTest({ procedures: { book: { policy, run } } });
    const id = await under.call("book");
    await under.time.advance(20_000);
    expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded", attempt: 4 });
    expect((await under.events(id)).filter(({ type }) => type === "retrying")).toMatchObject([
      { reason: "handed-back", failure: null },
      { reason: "handed-back", failure: null },
      { reason: "handed-back", failure: null },
    ]);
  });
});

describe("a call that a later release stored", () => {
  const unreadable = Object.assign(new Error("of a later release"), { _tag: "PayloadUnreadable", code: "LATER_VERSION" });

  test("is left to a worker of that release, and costs no attempt", async () => {
    await using old = await workerUnderTest({ procedures: { report: { run: () => Promise.reject(unreadable) } } });
    const id = await old.call("report");
    await old.time.advance(20_000);
    expect(await old.when(id, ({ state }) => state === "queued")).toMatchObject({ failure: null });
    expect(old.worker.status().outcomes).toMatchObject({ failed: 0 });
    await old.stop();
    await using current = await workerUnderTest({
      beside: old,
      procedures: { report: { policy: { retry: { attempts: 1 } }, run: () => 1 } },
    });
    await current.time.advance(60_000);
    expect(await current.whenEnded(id)).toMatchObject({ state: "succeeded" });
  });

  test("fails after some minutes without one", async () => {
    await using old = await workerUnderTest({ procedures: { report: { run: () => Promise.reject(unreadable) } } });
    const id = await old.call("report");
    await old.time.advance(120_000);
    expect((await old.when(id, () => true)).state).toBe("queued");
    await old.time.advance(1_800_000);
    expect(await old.whenEnded(id)).toMatchObject({ state: "failed" });
  });
});

describe("a worker that fails at an attempt", () => {
  test("ends the call after a few tries, and says that the fault is its own", async () => {
    const given = await workerUnderTest({ procedures: {} });
    await given.stop();
    const raincheck = fakeRaincheck(given.engine, { odd: { run: () => Promise.reject(new Error("no")) } });
    // A policy that no `resolvePolicy` gives: it has no retries.
    const policyAt = async () => ({ timeoutMs: 60_000 }) as Policy;
    await using under = await workerUnderTest({
      beside: given,
      procedures: {},
      raincheck: { "~raincheck": { ...raincheck["~raincheck"], policyAt } },
    });
    const id = await under.call("odd");
    await under.time.advance(60_000);
    expect(await under.whenEnded(id)).toMatchObject({ state: "failed", attempt: 3, failure: { code: "INTERNAL_SERVER_ERROR" } });
    expect(under.logged("fault")).toHaveLength(3);
    expect(under.worker.status()).toMatchObject({ running: 0, outcomes: { failed: 3 } });
  });
});

describe("the time limit", () => {
  test("ends an attempt whose resolver ignores its signal for ever, and gives its slot back", async () => {
    const hung = new HeldProcedure({ timeout: "1 minute", retry: { attempts: 1 } });
    await using under = await workerUnderTest({ concurrency: 1, procedures: { hung, noop: { run: () => "done" } } });
    const id = await under.call("hung");
    const run = await hung.next();
    const behind = await under.call("noop");
    await under.time.advance(59_999);
    expect((await under.when(id, () => true)).state).toBe("running");
    expect((await under.when(behind, () => true)).state).toBe("queued");

    await under.time.advance(1);
    expect(await run.aborted).toBe("timed-out");
    expect(await under.whenEnded(id)).toMatchObject({ state: "failed", failure: { code: "TIMED_OUT" } });
    expect(await under.whenEnded(behind)).toMatchObject({ state: "succeeded" });
    expect(under.worker.status()).toMatchObject({ running: 0, abandoned: 1, outcomes: { "timed-out": 1, succeeded: 1 } });

    await under.time.advance(6_000);
    expect(under.logged("resolver-abandoned")).toMatchObject([{ level: "warn", call: { id, path: "hung" } }]);
    expect(under.logged("resolvers-too-many-abandoned")).toMatchObject([{ level: "error", facts: { abandoned: 1, paths: ["hung"] } }]);
    run.succeed("too late");
    await settled();
    expect(under.worker.status().abandoned).toBe(0);
    expect((await under.whenEnded(id)).output).toBeNull();
  });

  test("does not complain of a resolver that heeds its signal", async () => {
    const held = new HeldProcedure({ timeout: "1 minute", retry: { attempts: 1 } });
    await using under = await workerUnderTest({ concurrency: 1, procedures: { held } });
    const id = await under.call("held");
    const run = await held.next();
    await under.time.advance(60_000);
    expect(await under.whenEnded(id)).toMatchObject({ failure: { code: "TIMED_OUT" } });
    // It has something to put away first.
    await under.time.advance(4_500);
    run.fail(run.signal.reason);
    await under.time.advance(120_000);
    expect(under.logged("resolver-abandoned")).toEqual([]);
    expect(under.logged("resolvers-too-many-abandoned")).toEqual([]);
    expect(under.worker.status().abandoned).toBe(0);
  });

  test("counts as a failure, and is retried by the policy", async () => {
    const held = new HeldProcedure({ timeout: "1 minute", ...onceNoJitter });
    await using under = await workerUnderTest({ procedures: { held } });
    const id = await under.call("held");
    await under.time.advance(60_000);
    expect((await under.events(id))[2]).toMatchObject({
      type: "retrying",
      reason: "timed-out",
      delayMs: 10_000,
      failure: { code: "TIMED_OUT" },
    });
    await under.time.advance(10_001);
    await held.next();
    (await held.next()).succeed("second");
    expect(await under.whenEnded(id)).toMatchObject({ state: "succeeded", attempt: 2 });
  });

  test("is the call's deadline where that is nearer", async () => {
    const held = new HeldProcedure({ timeout: "1 minute" });
    await using under = await workerUnderTest({ procedures: { held } });
    const id = await under.call("held", { deadlineMs: 5_000 });
    const run = await held.next();
    await under.time.advance(5_001);
    expect(await run.aborted).toBe("expired");
    expect(await under.whenEnded(id)).toMatchObject({ state: "expired", attempt: 1 });
    expect(under.worker.status().outcomes).toMatchObject({ expired: 1, "timed-out": 0 });
  });
});

describe("a procedure that the worker does not have", () => {
  test("is left for a worker that has it, at once, and costs one look for the procedure and not one for each call", async () => {
    await using old = await workerUnderTest({ procedures: {} });
    const first = await old.call("later.added");
    await settled();
    const ids = [first, ...(await Promise.all(Array.from({ length: 30 }, () => old.call("later.added"))))];
    await old.time.advance(60_000);
    expect((await old.events(first)).map(({ type }) => type)).toEqual(["queued", "started", "retrying"]);
    for (const id of ids.slice(1)) expect((await old.events(id)).map(({ type }) => type)).toEqual(["queued"]);
    // Told once a minute, not at each claim.
    expect(old.logged("procedure-unknown")).toMatchObject([{ level: "warn", call: { path: "later.added" } }]);

    await using current = await workerUnderTest({ beside: old, procedures: { "later.added": { run: () => "here" } } });
    await settled();
    for (const id of ids) expect(await current.whenEnded(id)).toMatchObject({ state: "succeeded", output: `"here"` });
    expect((await current.events(first)).at(-1)).toMatchObject({ attempt: 2 });
  });

  test("holds up none that the worker has", async () => {
    await using under = await workerUnderTest({ concurrency: 1, procedures: { known: { run: () => "done" } } });
    for (let call = 0; call < 100; call += 1) await under.call("unknown", { priority: 9 });
    const id = await under.call("known");
    await settled();
    expect(await under.when(id, () => true)).toMatchObject({ state: "succeeded" });
  });

  test("is passed round by two workers without it no further than once each, in however long a time", async () => {
    const claims = { one: 0, two: 0 };
    const counting = (name: keyof typeof claims) => (engine: Engine) => ({
      ...engine,
      claim: (request: ClaimRequest) => ((claims[name] += 1), engine.claim(request)),
    });
    await using one = await workerUnderTest({ procedures: {}, wrap: counting("one") });
    await using _two = await workerUnderTest({ procedures: {}, beside: one, wrap: counting("two") });
    const id = await one.call("later.added");
    await one.time.advance(100_000);
    expect(await one.when(id, () => true)).toMatchObject({ state: "queued", attempt: 2 });
    // The poll of a second, give or take a fifth, and a few wakes.
    expect(claims.one).toBeLessThan(140);
    expect(claims.two).toBeLessThan(140);
  });

  test("fails the call after ten minutes without a worker that has it, however long it was queued before", async () => {
    await using under = await workerUnderTest({ procedures: {} });
    const id = await under.call("nowhere", { delayMs: 3_600_000 });
    await under.time.advance(3_600_000 + 599_000);
    expect(await under.when(id, () => true)).toMatchObject({ state: "queued" });
    await under.time.advance(1_000);
    expect(await under.whenEnded(id)).toMatchObject({ state: "failed", failure: { code: "UNKNOWN_PROCEDURE" } });
  });

  test("fails the call after the limit that the worker was given", async () => {
    await using under = await workerUnderTest({ procedures: {}, unknownProcedureLimit: "3 seconds" });
    const id = await under.call("nowhere");
    await under.time.advance(2_990);
    expect(await under.when(id, () => true)).toMatchObject({ state: "queued" });
    await under.time.advance(20);
    expect(await under.whenEnded(id)).toMatchObject({ state: "failed", failure: { code: "UNKNOWN_PROCEDURE" } });
  });

  test("does not fail the call while a worker has it whose slots are taken", async () => {
    const busy = new HeldProcedure({ timeout: "2 hours" });
    await using current = await workerUnderTest({ concurrency: 1, procedures: { busy, added: { run: () => "here" } } });
    await current.call("busy");
    const run = await busy.next();
    await using old = await workerUnderTest({ beside: current, procedures: {} });
    const id = await old.call("added");
    await current.time.advance(3_600_000);
    expect(await current.when(id, () => true)).toMatchObject({ state: "queued" });
    await old.stop();
    run.succeed();
    expect(await current.whenEnded(id)).toMatchObject({ state: "succeeded", attempt: 2 });
  });

  test("is told apart from one that could not be loaded", async () => {
    const broken = (engine: Engine) => {
      const raincheck = fakeRaincheck(engine, {});
      return { "~raincheck": { ...raincheck["~raincheck"], policyAt: () => Promise.reject(new Error("import failed")) } };
    };
    await using one = await workerUnderTest({ procedures: {} });
    await one.stop();
    await using two = await workerUnderTest({ beside: one, procedures: {}, raincheck: broken(one.engine) });
    const id = await two.call("lazy");
    await settled();
    expect(await two.when(id, () => true)).toMatchObject({ state: "queued", attempt: 1 });
    expect(two.logged("fault")).toMatchObject([{ call: { path: "lazy" }, error: { message: "import failed" } }]);
  });
});
