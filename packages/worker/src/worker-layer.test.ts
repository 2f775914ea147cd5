import type { Engine } from "@raincheck/engine";
import { memoryEngine } from "@raincheck/engine/memory";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Logger from "effect/Logger";
import * as ManagedRuntime from "effect/ManagedRuntime";
import * as References from "effect/References";
import { describe, expect, test } from "vitest";
import { HeldProcedure, fakeRaincheck } from "../test/fake-raincheck.ts";
import { settled } from "../test/virtual-time.ts";
import { newCall } from "../test/worker-under-test.ts";
import { workerLayer } from "./worker-layer.ts";

describe("workerLayer", () => {
  test("runs a worker while the layer lives, and releases it gracefully", async () => {
    const engine: Engine = memoryEngine();
    const held = new HeldProcedure();
    const seen: unknown[] = [];
    const logger = Logger.make<unknown, void>(({ logLevel, message, fiber }) => {
      seen.push([logLevel, message, fiber.getRef(References.CurrentLogAnnotations)]);
    });
    const layer = workerLayer({ raincheck: fakeRaincheck(engine, { held }), name: "mine" }).pipe(Layer.provide(Logger.layer([logger])));
    const runtime = ManagedRuntime.make(layer);
    await runtime.runPromise(Effect.void);
    const { id } = await engine.accept(newCall("held"));
    const run = await held.next();
    let isReleased = false;
    const released = runtime.dispose().then(() => (isReleased = true));
    await settled();
    await engine.accept(newCall("held"));
    await settled();
    expect(isReleased).toBe(false);
    run.succeed("finished");
    await released;
    expect(await engine.read(id, { principal: null })).toMatchObject({ state: "succeeded", output: `"finished"` });
    expect(held.begun).toBe(1);
    expect(seen).toContainEqual([
      "Info",
      ["The worker has stopped."],
      expect.objectContaining({ worker: "mine", event: "worker-stopped", handedBack: 0 }),
    ]);
  });

  test("fails with what the engine's set-up threw", async () => {
    const fault = new Error("not set up");
    const engine = { ...memoryEngine(), start: () => Promise.reject(fault) } as Engine;
    const built = Effect.runPromise(Effect.scoped(Layer.build(workerLayer({ raincheck: fakeRaincheck(engine, {}) }))));
    await expect(built).rejects.toBe(fault);
  });

  test("refuses options at once", () => {
    expect(() => workerLayer({ raincheck: fakeRaincheck(memoryEngine(), {}), lease: "4s" as "4 seconds" })).toThrow(/Invalid lease: "4s"/);
  });
});
