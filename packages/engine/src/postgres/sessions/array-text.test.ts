import { describe, expect, test } from "vitest";
import { arrayTextOf, parseArrayText } from "./array-text.ts";

describe("arrays as text", () => {
  test.each<[string, unknown[]]>([
    ["{}", []],
    ["{1,2}", ["1", "2"]],
    ['{NULL,"NULL",null}', [null, "NULL", "null"]],
    ['{"a b","","{}",",","\\"","\\\\"}', ["a b", "", "{}", ",", '"', "\\"]],
    [
      "{{1,2},{3,NULL}}",
      [
        ["1", "2"],
        ["3", null],
      ],
    ],
    ["[0:1]={1,2}", ["1", "2"]],
    ["[1:1][-2:-1]={{1,2}}", [["1", "2"]]],
    ["{{},{}}", [[], []]],
  ])("%s is read", (text, elements) => {
    expect(parseArrayText(text, undefined, ",")).toEqual(elements);
  });

  test("elements are read and written by their type's own functions, NULL by none", () => {
    expect(parseArrayText("{1,NULL,{2}}", Number, ",")).toEqual([1, null, [2]]);
    expect(arrayTextOf([1, null, [2]], (value) => `<${String(value)}>`, ",")).toBe('{"<1>",NULL,{"<2>"}}');
  });

  test("boxes have a delimiter of their own", () => {
    expect(parseArrayText("{(1,1),(0,0);(2,2),(1,1)}", undefined, ";")).toEqual(["(1,1),(0,0)", "(2,2),(1,1)"]);
    expect(arrayTextOf(["(1,1),(0,0)", "(2,2),(1,1)"], undefined, ";")).toBe('{"(1,1),(0,0)";"(2,2),(1,1)"}');
  });

  test("a value with a type is written as its value, and undefined is refused", () => {
    expect(arrayTextOf([{ type: 25, value: "x" }], undefined, ",")).toBe('{"x"}');
    expect(() => arrayTextOf([undefined], undefined, ",")).toThrow("holds undefined");
  });

  test("what is written is read again", () => {
    const elements = ['"', "\\", '\\"', "NULL", "", " ", "{", "}", ",", "\n", "é", "😀", ["a", ["b"]]];
    expect(parseArrayText(arrayTextOf(elements, undefined, ","), undefined, ",")).toEqual(elements);
  });
});
