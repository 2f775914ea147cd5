import fc from "fast-check";
import { expect, test } from "vitest";
import { Heap } from "./heap.ts";

interface Item {
  readonly name: number;
  rank: number;
}

const command = fc.record({
  act: fc.constantFrom("put", "put", "remove", "takeFirst"),
  name: fc.nat({ max: 12 }),
  rank: fc.nat({ max: 8 }),
});

test("whatever is put, moved and removed, the first is the least of what is in", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 80, size: "max" }), (commands) => {
      const items = Array.from({ length: 13 }, (_, name): Item => ({ name, rank: 0 }));
      const heap = new Heap<Item>((one, other) => one.rank < other.rank);
      const inside = new Set<Item>();
      for (const { act, name, rank } of commands) {
        const item = act === "takeFirst" ? heap.first() : items[name];
        if (item !== undefined && act === "put") {
          item.rank = rank;
          heap.put(item);
          inside.add(item);
        } else if (item !== undefined) {
          heap.remove(item);
          inside.delete(item);
        }
        expect(heap.size).toBe(inside.size);
        expect(heap.first()?.rank).toBe([...inside].map((one) => one.rank).toSorted((one, other) => one - other)[0]);
      }
      // Taken out one by one they come in order, each once.
      const out: Item[] = [];
      for (let first = heap.first(); first !== undefined; first = heap.first()) {
        out.push(first);
        heap.remove(first);
      }
      expect(out.map(({ rank }) => rank)).toEqual(out.map(({ rank }) => rank).toSorted((one, other) => one - other));
      expect(new Set(out)).toEqual(inside);
      expect(out).toHaveLength(inside.size);
    }),
    { numRuns: 300 },
  );
});
