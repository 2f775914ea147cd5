import { describe, expect, test } from "vitest";

import { untilIdle } from "../test/support/held.ts";
import { takeTurns } from "./turns.ts";

/** Lets the event loop turn, and says what was told in each turn. */
async function turnsOf(told: string[], count: number): Promise<string[][]> {
  const turns: string[][] = [];
  for (let turn = 0; turn < count; turn++) {
    const before = told.length;
    await untilIdle();
    turns.push(told.slice(before));
  }
  return turns;
}

describe("turns", () => {
  test("are taken by a few at a time, in the order in which they came", async () => {
    const turns = takeTurns(2);
    const told: string[] = [];
    for (const name of ["a", "b", "c", "d", "e"]) void turns.urgent().then(() => told.push(name));
    expect(await turnsOf(told, 4)).toEqual([["a", "b"], ["c", "d"], ["e"], []]);
  });

  test("go to what is not urgent when nothing urgent waits, nor is told in the same turn", async () => {
    const turns = takeTurns(2);
    const told: string[] = [];
    void turns.urgent().then(() => told.push("a"));
    for (const name of ["x", "y"]) void turns.other().then(() => told.push(name));
    for (const name of ["b", "c"]) void turns.urgent().then(() => told.push(name));
    expect(await turnsOf(told, 4)).toEqual([["a", "b"], ["c"], ["x", "y"], []]);
  });

  test("are not waited for where nobody waits: before the first, and after the last", async () => {
    const turns = takeTurns(2);
    const told: string[] = [];
    await turns.other();
    void turns.urgent().then(() => told.push("a"));
    expect(await turnsOf(told, 2)).toEqual([["a"], []]);
    void turns.other().then(() => told.push("x"));
    await Promise.resolve();
    expect(told).toEqual(["a", "x"]);
  });
});
