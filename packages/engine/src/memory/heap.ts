/**
 * A binary heap whose items can be taken out of the middle, and moved when what they are ordered by has changed. Every change
 * costs the logarithm of the size.
 */
export class Heap<TItem> {
  readonly #isBefore: (one: TItem, other: TItem) => boolean;
  readonly #items: TItem[] = [];
  readonly #positions = new Map<TItem, number>();

  /** @param isBefore a strict order: irreflexive and transitive. */
  constructor(isBefore: (one: TItem, other: TItem) => boolean) {
    this.#isBefore = isBefore;
  }

  /** How many items there are. */
  get size(): number {
    return this.#items.length;
  }

  /** The first in order; `undefined` when there is none. */
  first(): TItem | undefined {
    return this.#items[0];
  }

  /** Puts an item where it belongs, whether it is new or its order has changed. */
  put(item: TItem): void {
    const position = this.#positions.get(item) ?? this.#items.length;
    this.#place(item, position);
    this.#rise(position);
    this.#sink(this.#positions.get(item)!);
  }

  /** Takes an item out; nothing happens when it is not in. */
  remove(item: TItem): void {
    const position = this.#positions.get(item);
    if (position === undefined) return;
    this.#positions.delete(item);
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#place(last, position);
    this.put(last);
  }

  #place(item: TItem, position: number): void {
    this.#items[position] = item;
    this.#positions.set(item, position);
  }

  #rise(from: number): void {
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (!this.#swapIfBefore(position, parent)) return;
      position = parent;
    }
  }

  #sink(from: number): void {
    let position = from;
    for (;;) {
      const left = 2 * position + 1;
      const right = left + 1;
      if (left >= this.#items.length) return;
      const child = right < this.#items.length && this.#isBefore(this.#items[right]!, this.#items[left]!) ? right : left;
      if (!this.#swapIfBefore(child, position)) return;
      position = child;
    }
  }

  #swapIfBefore(child: number, parent: number): boolean {
    const one = this.#items[child]!;
    const other = this.#items[parent]!;
    if (!this.#isBefore(one, other)) return false;
    this.#place(one, parent);
    this.#place(other, child);
    return true;
  }
}
