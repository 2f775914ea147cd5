import { describe, expectTypeOf, test } from "vitest";
import type { ResultOf, YieldOf } from "./index.ts";

async function* told(): AsyncGenerator<string, { total: number }, undefined> {
  yield "a";
  return { total: 1 };
}
type Told = ReturnType<typeof told>;

describe("what a procedure results in, and yields", () => {
  test("is told apart for a generator, and for whatever iterates", () => {
    expectTypeOf<ResultOf<Told>>().toEqualTypeOf<{ total: number }>();
    expectTypeOf<YieldOf<Told>>().toEqualTypeOf<string>();
    expectTypeOf<ResultOf<AsyncIterable<string, number, unknown>>>().toEqualTypeOf<number>();
    expectTypeOf<YieldOf<AsyncIterable<string, number, unknown>>>().toEqualTypeOf<string>();
    expectTypeOf<ResultOf<AsyncGenerator<string, void, undefined>>>().toEqualTypeOf<void>();
  });

  test("is the output, and nothing, for any other", () => {
    expectTypeOf<ResultOf<{ total: number }>>().toEqualTypeOf<{ total: number }>();
    expectTypeOf<YieldOf<{ total: number }>>().toBeNever();
    expectTypeOf<ResultOf<string[]>>().toEqualTypeOf<string[]>();
    expectTypeOf<YieldOf<string[]>>().toBeNever();
    expectTypeOf<ResultOf<unknown>>().toBeUnknown();
    expectTypeOf<ResultOf<undefined>>().toEqualTypeOf<undefined>();
  });

  test("keeps what is yielded from what is returned", () => {
    // @ts-expect-error what is returned is not what is yielded
    void ({ total: 1 } satisfies YieldOf<Told>);
    // @ts-expect-error what is yielded is not what is returned
    void ("a" satisfies ResultOf<Told>);
  });
});
