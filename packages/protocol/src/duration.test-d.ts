import { describe, expectTypeOf, test } from "vitest";
import { type Duration, toMs } from "./index.ts";

describe("Duration", () => {
  test("takes a number, a space and a unit", () => {
    expectTypeOf<"5 minutes" | "1 hour" | "250 millis" | "1.5 seconds" | "2 days" | "1 week">().toExtend<Duration>();
    const count = 3;
    expectTypeOf(`${count} minutes` as const).toExtend<Duration>();
    expectTypeOf(toMs("1 second", "timeout")).toEqualTypeOf<number>();
  });

  test("takes a computed number", () => {
    const computed = (minutes: number): Duration => `${minutes} minutes`;
    expectTypeOf(computed).returns.toEqualTypeOf<Duration>();
  });

  test("refuses what has no unit, or none that is known", () => {
    // @ts-expect-error the unit is missing
    void ("5" satisfies Duration);
    // @ts-expect-error milliseconds are a number only where the name ends in Ms
    void (5_000 satisfies Duration);
    // @ts-expect-error no such unit
    void ("5 fortnights" satisfies Duration);
    // @ts-expect-error a space is missing
    void ("5minutes" satisfies Duration);
    // @ts-expect-error a number is digits
    void ("five minutes" satisfies Duration);
    // @ts-expect-error any text is not a duration
    void ((text: string) => text satisfies Duration);
  });

  test("is shown as its twelve forms", () => {
    type Unit = "milli" | "second" | "minute" | "hour" | "day" | "week";
    expectTypeOf<Duration>().toEqualTypeOf<`${number} ${Unit | `${Unit}s`}`>();
  });
});
