import fc from "fast-check";
import superjson from "superjson";
import { describe, expect, test } from "vitest";

import { contextCodec, routerCodecs } from "./payload-codec.ts";
import { seal, unseal } from "./payload-envelope.ts";

const plain = routerCodecs(null).output;
const withSuperjson = routerCodecs({ input: superjson, output: superjson }).output;
const bounds = { subject: "output", maxBytes: 1_048_576 } as const;

describe("a stored payload", () => {
  test("names its version and its codec, and comes out as it went in", () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom("json", "transformer"), (text, by) => {
        expect(unseal(seal(text, by))).toEqual({ text, by });
      }),
    );
    expect(plain.encode({ a: 1 }, bounds)).toBe('~1j{"a":1}');
    expect(withSuperjson.encode(new Set([1]), bounds)).toMatch(/^~1t\{"json"/);
    expect(contextCodec.encode(null, { subject: "context", maxBytes: 10 })).toBe("~1jnull");
  });

  test("without an envelope is read as the releases before it wrote it", () => {
    expect(plain.decode('{"a":1}')).toEqual({ a: 1 });
    expect(plain.decode("undefined")).toBeUndefined();
    expect(withSuperjson.decode(superjson.stringify(new Set([1])))).toEqual(new Set([1]));
  });

  test("of plain JSON is read by a router that has a transformer since", () => {
    expect(withSuperjson.decode(plain.encode({ a: [1] }, bounds))).toEqual({ a: [1] });
  });

  test("of a transformer is refused by a router that has none", () => {
    const payload = withSuperjson.encode(new Set([1]), bounds);
    expect(() => plain.decode(payload)).toThrow(expect.objectContaining({ _tag: "PayloadUnreadable", code: "OTHER_CODEC" }));
  });

  test.each(["~2j{}", "~2t{}", "~2z whatever it holds", "~999999999j"])("of a later release is refused as such: %s", (payload) => {
    for (const codec of [plain, withSuperjson, contextCodec])
      expect(() => codec.decode(payload)).toThrow(expect.objectContaining({ _tag: "PayloadUnreadable", code: "LATER_VERSION" }));
  });

  test("whatever it holds is read or refused by its tag, never by a crash", () => {
    fc.assert(
      fc.property(fc.constantFrom("", "~", "~1", "~1j", "~1t", "~1z", "~9999999999j"), fc.oneof(fc.string(), fc.json()), (head, tail) => {
        for (const codec of [plain, withSuperjson, contextCodec]) {
          try {
            codec.decode(head + tail);
          } catch (error) {
            expect(error).toMatchObject({ _tag: "PayloadUnreadable" });
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
