import fc from "fast-check";
import { expect, test } from "vitest";
import { parseCsv } from "./csv.ts";

test("reads back what was written, whatever stands in the fields", () => {
  const field = fc.string({ unit: fc.constantFrom("a", "é", ",", '"', "\n", "\r\n", " ") });
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  fc.assert(
    fc.property(fc.array(fc.tuple(field, field)), fc.constantFrom("\n", "\r\n"), fc.boolean(), (rows, newline, endsWithNewline) => {
      const text = ["x,y", ...rows.map((row) => row.map(quote).join(","))].join(newline) + (endsWithNewline ? newline : "");
      expect(parseCsv(text)).toEqual(rows.map(([x, y]) => ({ x, y })));
    }),
  );
});

test("reads unquoted and empty fields", () => {
  expect(parseCsv("x,y\n1,\n,2\n,")).toEqual([
    { x: "1", y: "" },
    { x: "", y: "2" },
    { x: "", y: "" },
  ]);
});

test.each([
  ["x,y\n1", "Record 1 has 1 fields, and the header 2."],
  ["x,y\n1,2\n1,2,3", "Record 2 has 3 fields"],
  ['x\n"a', "character 2"],
  ['x\n"a"b', "character 2"],
  ['x\na"b', "character 2"],
])("refuses %j: %s", (text, why) => {
  expect(() => parseCsv(text)).toThrow(why);
});
