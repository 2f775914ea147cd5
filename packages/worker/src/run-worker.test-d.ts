import type { initRaincheck } from "@raincheck/server";
import type * as Effect from "effect/Effect";
import { describe, expectTypeOf, test } from "vitest";
import { type Worker, type WorkerLayerOptions, type WorkerLogEntry, type WorkerOptions, type WorkerStatus, runWorker } from "./index.ts";

declare const raincheck: ReturnType<ReturnType<typeof initRaincheck.context<{ user: string }>>["create"]>;

describe("runWorker", () => {
  test("accepts a raincheck and nothing else, or everything", () => {
    expectTypeOf(runWorker).toBeCallableWith({ raincheck });
    expectTypeOf(runWorker).toBeCallableWith({
      raincheck,
      concurrency: 4,
      queues: ["default", "slow"],
      shutdownGrace: "30 seconds",
      lease: "4 seconds",
      signals: false,
      name: "one",
      log: (entry) => expectTypeOf(entry).toEqualTypeOf<WorkerLogEntry>(),
      onError: (error, { errorId }) => {
        expectTypeOf(error).toBeUnknown();
        expectTypeOf(errorId).toEqualTypeOf<string | undefined>();
      },
    });
  });

  test("rejects what is not an option", () => {
    // @ts-expect-error -- a duration has a unit
    void runWorker({ raincheck, lease: 4_000 });
    // @ts-expect-error -- the word is `concurrency`
    void runWorker({ raincheck, concurency: 4 });
    // @ts-expect-error -- a worker needs a raincheck
    void runWorker({ concurrency: 4 });
    // @ts-expect-error -- an Effect program handles its process's signals itself
    void ({ raincheck, signals: true } satisfies WorkerLayerOptions);
  });

  test("gives a plain promise of a disposable: no Effect in sight", () => {
    expectTypeOf(runWorker).returns.toEqualTypeOf<Promise<Worker>>();
    expectTypeOf<Worker>().toExtend<AsyncDisposable>();
    expectTypeOf<Worker["stop"]>().toEqualTypeOf<() => Promise<void>>();
    expectTypeOf<Worker["status"]>().returns.toEqualTypeOf<WorkerStatus>();
    type AnyEffect = Effect.Effect<unknown, unknown, unknown>;
    expectTypeOf<Extract<Worker[keyof Worker], AnyEffect>>().toBeNever();
    expectTypeOf<Extract<WorkerOptions[keyof WorkerOptions], AnyEffect>>().toBeNever();
    expectTypeOf<Extract<ReturnType<Worker["stop"]>, AnyEffect>>().toBeNever();
  });
});
