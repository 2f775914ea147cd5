import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type Engine, EngineSetupError, EngineUnavailable } from "@raincheck/engine";
import { memoryEngine } from "@raincheck/engine/memory";
import { describe, expect, test } from "vitest";
import { type FakeProcedure, HeldProcedure, fakeRaincheck } from "../test/fake-raincheck.ts";
import { newCall } from "../test/worker-under-test.ts";
import { runWorker } from "./run-worker.ts";
import type { WorkerLogEntry } from "./worker-log.ts";

/** A worker in real time, on its own memory engine. */
async function realWorker(
  procedures: Record<string, FakeProcedure>,
  options: { lease?: "400 millis"; wrap?: (engine: Engine) => Engine } = {},
) {
  const engine: Engine = memoryEngine();
  const log: WorkerLogEntry[] = [];
  const { wrap = (same) => same, ...given } = options;
  const worker = await runWorker({
    raincheck: fakeRaincheck(wrap(engine), procedures),
    signals: false,
    log: (entry) => void log.push(entry),
    ...given,
  });
  const run = async (path: string): Promise<string | undefined> => {
    const { id } = await engine.accept(newCall(path));
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = async () => {
      const record = await engine.read(id, { principal: null });
      if (record?.endedAt !== null) resolve();
    };
    const unsubscribe = engine.subscribe(id, () => void look());
    await look();
    await promise;
    unsubscribe();
    return (await engine.read(id, { principal: null }))?.state;
  };
  return { worker, engine, log, run, [Symbol.asyncDispose]: () => worker.stop() };
}

describe("runWorker", () => {
  test("runs calls until it is disposed of", async () => {
    const real = await realWorker({ noop: { run: () => null } });
    expect(await real.run("noop")).toBe("succeeded");
    expect(real.worker.status()).toMatchObject({ state: "running", running: 0, isEngineAvailable: true });
    await real.worker[Symbol.asyncDispose]();
    await real.worker.stop();
    expect(real.worker.status().state).toBe("stopped");
    // The engine is the application's: it still answers.
    await real.engine.accept(newCall("noop"));
  });

  test("refuses options at once, as a rejection", async () => {
    await expect(runWorker({ raincheck: fakeRaincheck(memoryEngine(), {}), concurrency: -1 })).rejects.toThrow(/Invalid concurrency: -1/);
  });

  test("rejects with what the engine's set-up says, as it was thrown", async () => {
    const setUp = new EngineSetupError("Set DATABASE_URL.");
    const engine = { ...memoryEngine(), start: () => Promise.reject(setUp) } as Engine;
    await expect(runWorker({ raincheck: fakeRaincheck(engine, {}), signals: false })).rejects.toBe(setUp);
  });

  test("starts without an engine that is merely unavailable", async () => {
    const wrap = (engine: Engine): Engine => ({
      ...engine,
      start: () => Promise.reject(new EngineUnavailable("start", new Error("ECONNREFUSED"))),
    });
    await using real = await realWorker({ noop: { run: () => null } }, { wrap });
    expect(real.log.filter(({ event }) => event === "engine-unavailable")).toHaveLength(1);
    expect(await real.run("noop")).toBe("succeeded");
  });

  test("survives a log and an error hook that throw", async () => {
    const engine: Engine = memoryEngine();
    const hostile = () => {
      throw new Error("the log is broken");
    };
    const procedures = { broken: { policy: { retry: { attempts: 1 } }, run: () => Promise.reject(new Error("no")) } };
    await using _worker = await runWorker({ raincheck: fakeRaincheck(engine, procedures), signals: false, log: hostile, onError: hostile });
    const { id } = await engine.accept(newCall("broken"));
    const ended = Promise.withResolvers<void>();
    engine.subscribe(id, async () => {
      if ((await engine.read(id, { principal: null }))?.state === "failed") ended.resolve();
    });
    await ended.promise;
  });

  test("names the procedures that were running when something held the event loop", async () => {
    const held = new HeldProcedure();
    const late = Promise.withResolvers<WorkerLogEntry>();
    const engine: Engine = memoryEngine();
    const procedures = { held, "reports.compute": { run: () => block(350) } };
    await using _worker = await runWorker({
      raincheck: fakeRaincheck(engine, procedures),
      signals: false,
      lease: "400 millis",
      log: (entry) => entry.event === "event-loop-late" && late.resolve(entry),
    });
    await engine.accept(newCall("held"));
    const run = await held.next();
    await engine.accept(newCall("reports.compute"));
    const entry = await late.promise;
    expect(entry).toMatchObject({ level: "warn", facts: { leaseMs: 400 } });
    expect(entry.facts!.lagMs).toBeGreaterThanOrEqual(100);
    expect(entry.facts!.paths).toContain("held");
    run.succeed();
  });
});

/** Computes for a while without letting anything else run. */
function block(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

describe("a process with a worker", () => {
  /** Runs a program that uses a worker, and follows what it prints. */
  function program(body: string) {
    const root = new URL(".", import.meta.url).href;
    const source = `
      import { memoryEngine } from "@raincheck/engine/memory";
      import { fakeRaincheck, HeldProcedure } from "${root}../test/fake-raincheck.ts";
      import { newCall } from "${root}../test/worker-under-test.ts";
      import { runWorker } from "${root}run-worker.ts";
      const engine = memoryEngine();
      const held = new HeldProcedure();
      const raincheck = fakeRaincheck(engine, { held });
      ${body}
    `;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", source], {
      stdio: ["pipe", "pipe", "inherit"],
      cwd: new URL("..", import.meta.url),
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    return {
      child,
      exited,
      line: async () => (await lines.next()).value,
      async [Symbol.asyncDispose]() {
        if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
        await exited;
      },
    };
  }

  test("lives while the worker runs, and ends by itself after the stop", async () => {
    await using running = program(`
      const worker = await runWorker({ raincheck, signals: false });
      console.log("ready");
      process.on("exit", () => console.log(worker.status().state));
      process.stdin.once("data", async () => { process.stdin.destroy(); await worker.stop(); });
    `);
    expect(await running.line()).toBe("ready");
    running.child.stdin.write("stop\n");
    expect(await running.line()).toBe("stopped");
    expect(await running.exited).toEqual([0, null]);
  });

  test("is held by the worker alone", async () => {
    // Nothing else keeps it: without the worker's hold it would exit with code 13 or 0 before SIGTERM comes.
    await using running = program(`
      await runWorker({ raincheck, log: ({ event }) => console.log(event) });
      console.log("ready");
    `);
    expect(await running.line()).toBe("worker-started");
    expect(await running.line()).toBe("ready");
    running.child.kill("SIGTERM");
    expect(await running.line()).toBe("worker-stopping");
    expect(await running.line()).toBe("worker-stopped");
    expect(await running.exited).toEqual([null, "SIGTERM"]);
  });

  test("finishes its work at SIGTERM, and leaves the end to another listener if there is one", async () => {
    await using running = program(`
      process.on("SIGTERM", () => {});
      const worker = await runWorker({ raincheck });
      const { id } = await engine.accept(newCall("held"));
      const run = await held.next();
      console.log("running");
      process.on("SIGTERM", () => run.succeed("finished"));
      process.on("exit", () => console.log(worker.status().state));
      engine.subscribe(id, async () => console.log((await engine.read(id, { principal: null })).output));
    `);
    expect(await running.line()).toBe("running");
    running.child.kill("SIGTERM");
    expect(await running.line()).toBe(`"finished"`);
    expect(await running.line()).toBe("stopped");
    expect(await running.exited).toEqual([0, null]);
  });

  test("closes the engine before a signal ends it, and a second signal does not wait for one that hangs", async () => {
    await using running = program(`
      engine.stop = () => { console.log("closing"); return new Promise(() => setInterval(() => {}, 1_000)); };
      await runWorker({ raincheck, shutdownGrace: "1 hour" });
      console.log("ready");
    `);
    expect(await running.line()).toBe("ready");
    running.child.kill("SIGTERM");
    expect(await running.line()).toBe("closing");
    running.child.kill("SIGTERM");
    expect(await running.exited).toEqual([null, "SIGTERM"]);
  });

  test("does not wait for the grace at the second signal", async () => {
    await using running = program(`
      await runWorker({ raincheck, shutdownGrace: "1 hour", log: ({ event }) => console.log(event) });
      await engine.accept(newCall("held"));
      (await held.next()).aborted.then((reason) => console.log(reason));
      console.log("running");
    `);
    expect(await running.line()).toBe("worker-started");
    expect(await running.line()).toBe("running");
    running.child.kill("SIGTERM");
    expect(await running.line()).toBe("worker-stopping");
    running.child.kill("SIGINT");
    const told = new Set([await running.line(), await running.line(), await running.line()]);
    expect(told).toEqual(new Set(["attempt-ended", "shutdown", "worker-stopped"]));
    expect(await running.exited).toEqual([null, "SIGTERM"]);
  });
});
