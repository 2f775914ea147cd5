import { describe, expectTypeOf, test } from "vitest";
import type { Engine } from "../engine.ts";
import { memoryEngine } from "../memory/index.ts";
import { type DescribeEngineOptions, type EngineUnderTest, type Skip, type TestName, describeEngine } from "./index.ts";

describe("describeEngine", () => {
  test("takes the names of its tests to skip, and no others", () => {
    expectTypeOf<"an empty queue gives nothing">().toExtend<TestName>();
    void ({ reason: "r", tests: ["an empty queue gives nothing"] } satisfies Skip);
    // @ts-expect-error no such test
    void ({ reason: "r", tests: ["an empty queue gives something"] } satisfies Skip);
    // @ts-expect-error a skip has a reason
    void ({ tests: ["an empty queue gives nothing"] } satisfies Skip);
  });

  test("takes any engine's own transactions", () => {
    expectTypeOf<DescribeEngineOptions<{ query: string }>["make"]>().returns.resolves.toEqualTypeOf<EngineUnderTest<{ query: string }>>();
    // @ts-expect-error an engine alone is not enough: the suite needs what is around it
    void (() => describeEngine({ name: "memory", make: async () => memoryEngine() }));
  });
});

describe("memoryEngine", () => {
  test("hands no transaction to the application", () => {
    expectTypeOf(memoryEngine()).toEqualTypeOf<Engine<null>>();
    expectTypeOf(memoryEngine().transaction<number>)
      .parameter(0)
      .parameter(0)
      .toEqualTypeOf<null>();
    // @ts-expect-error a count, not a text
    void (() => memoryEngine({ maxQueued: "10" }));
  });
});
