import { expect, test } from "vitest";
import { progressBar } from "./progress-bar.ts";
import { table } from "./table.ts";

test("columns are as wide as their widest cell, figures stand right", () => {
  const lines = table(
    [{ title: "Airport" }, { title: "Flights", align: "right" }],
    [
      ["DFW", "1,103"],
      ["Minneapolis", "7"],
    ],
  );
  expect(lines).toEqual(["Airport      Flights", "───────────  ───────", "DFW            1,103", "Minneapolis        7"]);
});

test("without rows there is the header alone", () => {
  expect(table([{ title: "Hour" }], [])).toEqual(["Hour", "────"]);
});

test.each([
  [0, 10, "░░░░  0 %"],
  [5, 10, "██░░ 50 %"],
  // Not full, and not 100 %, before all is done.
  [9_999, 10_000, "███░ 99 %"],
  [10, 10, "████ 100 %"],
  [0, 0, "░░░░  0 %"],
  [11, 10, "████ 100 %"],
])("a bar of %i of %i", (done, total, expected) => {
  expect(progressBar({ done, total }, 4).replace(/ +/, " ")).toBe(expected.replace(/ +/, " "));
  expect(progressBar({ done, total }, 4)).toHaveLength(10);
});
