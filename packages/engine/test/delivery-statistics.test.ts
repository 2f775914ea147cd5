import { describe, expect, test } from "vitest";
import { makeStatistics } from "../src/delivery/statistics.ts";

describe("the statistics of the delivery's table", () => {
  function counted(analyse: () => Promise<unknown> = async () => undefined) {
    const clock = { ms: 0 };
    const looks: number[] = [];
    const statistics = makeStatistics(
      () => {
        looks.push(clock.ms);
        return analyse();
      },
      () => clock.ms,
    );
    return { clock, looks, statistics };
  }

  test("are taken when many rows are taken at once, and not for a few, however often", () => {
    const { looks, statistics } = counted();
    for (let time = 0; time < 1_000; time += 1) statistics.taken(99);
    expect(looks).toEqual([]);
    statistics.taken(100);
    expect(looks).toEqual([0]);
  });

  test("are taken when many rows were sent, which are there when the next are sent", () => {
    const { looks, statistics } = counted();
    statistics.sending(10_000);
    expect(looks).toEqual([]);
    statistics.sending(1);
    expect(looks).toEqual([0]);
  });

  test("are taken no more often than every five seconds, however many rows are moved", () => {
    const { clock, looks, statistics } = counted();
    for (; clock.ms < 12_000; clock.ms += 100) {
      statistics.sending(10_000);
      statistics.taken(10_000);
    }
    expect(looks).toEqual([0, 5_000, 10_000]);
  });

  test("that could not be taken fail nobody, and are taken again later", async () => {
    const { clock, looks, statistics } = counted(async () => {
      throw new Error("no right to analyse");
    });
    statistics.taken(100);
    clock.ms = 5_000;
    statistics.taken(100);
    expect(looks).toEqual([0, 5_000]);
  });
});
