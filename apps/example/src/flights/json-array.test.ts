import fc from "fast-check";
import { expect, test } from "vitest";
import { readJsonArray } from "./json-array.ts";

async function read(...pieces: readonly string[]): Promise<unknown[]> {
  const elements: unknown[] = [];
  for await (const element of readJsonArray(inPieces(pieces))) elements.push(element);
  return elements;
}

async function* inPieces(pieces: readonly string[]): AsyncGenerator<string> {
  yield* pieces;
}

/** The text cut at these places. */
function cut(text: string, at: readonly number[]): string[] {
  const places = [0, ...at.map((place) => place % (text.length + 1)).sort((a, b) => a - b), text.length];
  return places.slice(1).map((place, index) => text.slice(places[index], place));
}

test("reads what JSON.parse reads, wherever the text is cut", async () => {
  const layouts = fc.constantFrom(undefined, 1, "\t");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), fc.array(fc.nat()), layouts, async (array, at, space) => {
      const text = JSON.stringify(array, null, space);
      expect(await read(...cut(text, at))).toStrictEqual(JSON.parse(text));
    }),
  );
});

test("reads an element as soon as it is whole", async () => {
  const reading = readJsonArray(
    (async function* () {
      yield '[{"a":1},';
      throw new Error("asked for more than the first element needs");
    })(),
  );
  expect(await reading.next()).toEqual({ done: false, value: { a: 1 } });
  await expect(reading.next()).rejects.toThrow("asked for more");
});

test("is not misled by what stands in strings", async () => {
  expect(await read('["],[", "\\"]", "\\\\", "{"]')).toEqual(["],[", '"]', "\\", "{"]);
});

test.each(["[]", " [ ] \n", "[\t]"])("reads the empty array %j", async (text) => {
  expect(await read(text)).toEqual([]);
});

test.each([
  ["", "ends at character 0"],
  ["[1, 2", "ends at character 5"],
  ['["a', "ends at character 3"],
  ["[1", "ends at character 2"],
  ["{}", '"{" at character 0'],
  ["[1] [2]", '"[" at character 4'],
  ["[1]x", '"x" at character 3'],
  ["[1,]", "the element that ends at character 3"],
  ["[,1]", "the element that ends at character 1"],
  ["[1 2]", "the element that ends at character 4"],
  ["[{]}]", "the element that ends at character 4"],
])("refuses %j: %s", async (text, why) => {
  await expect(read(text)).rejects.toThrow(why);
  // The same character, wherever the text is cut.
  await expect(read(...text)).rejects.toThrow(why);
});
