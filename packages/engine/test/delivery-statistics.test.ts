import { describe, expect, test } from "vitest";
import { makeStatistics } from "../src/delivery/statistics.ts";

describe("the statistics of the delivery's table", () => {
  function counted(analyse: () => Promise<unknown> = async () => undefined) {
    const clock = { ms: 0 };
    const looks: number[] = [];
    const note = makeStatistics(
      () => {
        looks.push(clock.ms);
        return analyse();
      },
      () => clock.ms,
    );
    return { clock, looks, note };
  }

  test("are taken once so many rows were moved, and not for a few", () => {
    const { looks, note } = counted();
    note(499);
    expect(looks).toEqual([]);
    note(1);
    expect(looks).toEqual([0]);
  });

  test("are taken no more often than every five seconds, however many rows are moved", () => {
    const { clock, looks, note } = counted();
    for (; clock.ms < 12_000; clock.ms += 100) note(10_000);
    expect(looks).toEqual([0, 5_000, 10_000]);
  });

  test("that could not be taken fail nobody, and are taken again later", async () => {
    const { clock, looks, note } = counted(async () => {
      throw new Error("no right to analyse");
    });
    note(500);
    clock.ms = 5_000;
    note(500);
    expect(looks).toEqual([0, 5_000]);
  });
});
