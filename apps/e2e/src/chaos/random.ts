/** Random choices that a seed repeats. */
export interface Random {
  /** From 0 up to, not including, 1. */
  next(): number;
  /** From `least` to `most`. */
  between(least: number, most: number): number;
  /** A whole number below `limit`. */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<TItem>(items: readonly TItem[]): TItem;
  /** One of the names, each as likely as its weight. */
  weighted<TName extends string>(weights: Readonly<Record<TName, number>>): TName;
  /** Random choices of its own, so that one part's choices do not move another's. */
  fork(name: string): Random;
}

/** Random choices by mulberry32, of which 32 bits of state are enough for choosing faults. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    between: (least, most) => least + next() * (most - least),
    below,
    chance: (probability) => next() < probability,
    pick: (items) => items[below(items.length)]!,
    weighted(weights) {
      let sum = 0;
      for (const name in weights) sum += weights[name];
      let left = next() * sum;
      let first: keyof typeof weights | null = null;
      for (const name in weights) {
        first ??= name;
        left -= weights[name];
        if (left < 0) return name;
      }
      return first!;
    },
    fork: (name) => randomOf(Buffer.from(name).reduce((hash, byte) => Math.imul(hash ^ byte, 16_777_619), seed ^ 0x811c9dc5)),
  };
}
