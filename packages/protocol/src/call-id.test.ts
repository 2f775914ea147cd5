import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { callIdFrom, isCallId } from "./call-id.ts";

const randomBytes = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe("callIdFrom", () => {
  test("makes a version-4 UUID of any random bytes, and leaves the bytes alone", () => {
    fc.assert(
      fc.property(randomBytes, (bytes) => {
        const before = Uint8Array.from(bytes);
        const id = callIdFrom(bytes);
        expect(isCallId(id)).toBe(true);
        expect(id).toMatch(/^.{14}4.{4}[89ab]/);
        expect(bytes).toEqual(before);
      }),
    );
  });

  test("keeps the other 122 bits", () => {
    fc.assert(
      fc.property(randomBytes, fc.nat({ max: 127 }), (bytes, bit) => {
        const other = Uint8Array.from(bytes);
        other[bit >> 3]! ^= 0x80 >> (bit & 7);
        // The four bits of the version, the two of the variant.
        const isFixed = (bit >= 48 && bit < 52) || bit === 64 || bit === 65;
        expect(callIdFrom(bytes) === callIdFrom(other)).toBe(isFixed);
      }),
    );
  });

  test("is the hexadecimal of its bytes", () => {
    expect(callIdFrom(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]))).toBe(
      "00010203-0405-4607-8809-0a0b0c0d0eff",
    );
  });

  test.each([0, 15, 17])("refuses %i bytes", (length) => {
    expect(() => callIdFrom(new Uint8Array(length))).toThrow(new RangeError(`A call id is made of 16 random bytes, not ${length}.`));
  });
});

describe("isCallId", () => {
  const id = "00010203-0405-4607-8809-0a0b0c0d0eff";

  test.each([
    ["upper case", id.toUpperCase()],
    ["another version", id.replace("-4", "-7")],
    ["another variant", id.replace("-8", "-c")],
    ["no hyphens", id.replaceAll("-", "")],
    ["braces", `{${id}}`],
    ["a line behind it", `${id}\n`],
    ["a space before it", ` ${id}`],
    ["nothing", ""],
    ["an array of one", [id]],
    ["an object that reads like one", { toString: () => id }],
    ["null", null],
    ["undefined", undefined],
    ["a number", 7],
  ])("refuses %s", (_, value) => {
    expect(isCallId(id)).toBe(true);
    expect(isCallId(value)).toBe(false);
  });
});
