/**
 * Group commit: many small writes become few large ones, without a timer.
 *
 * While no batch is being written, an item is written at once, alone: one round trip. While one is, items gather, and the
 * next batch takes all of them. So the batch grows with the load by itself.
 *
 * A batch that fails as a whole is written again item by item when `isItemsFault` says that the fault may lie with one of
 * its items; so one bad item harms no other. Any other fault rejects the whole batch.
 */
export interface GroupCommitOptions<TItem, TResult> {
  /**
   * Writes a batch; resolves with one result per item, in the items' order. A result may be a promise: the item is answered when that is
   * settled, and neither its batch nor the next waits for it.
   */
  readonly write: (items: readonly TItem[]) => Promise<readonly (TResult | Promise<TResult>)[]>;
  /** Items in one batch at most. */
  readonly maxItems: number;
  /** Whether a failure may be the fault of one item rather than of the connection. Default: never. */
  readonly isItemsFault?: (error: unknown) => boolean;
}

/** Adds an item to the next batch; resolves with its result. */
export type GroupCommit<TItem, TResult> = (item: TItem) => Promise<TResult>;

interface Waiting<TItem, TResult> {
  readonly item: TItem;
  readonly resolve: (result: TResult | Promise<TResult>) => void;
  readonly reject: (error: unknown) => void;
}

/** Makes a group commit around one way of writing. */
export function groupCommit<TItem, TResult>(options: GroupCommitOptions<TItem, TResult>): GroupCommit<TItem, TResult> {
  const { write, maxItems, isItemsFault = () => false } = options;
  let waiting: Waiting<TItem, TResult>[] = [];
  let writing = false;

  async function writeBatch(batch: readonly Waiting<TItem, TResult>[]): Promise<void> {
    try {
      const results = await write(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(results[index] as TResult | Promise<TResult>));
    } catch (error) {
      if (batch.length > 1 && isItemsFault(error)) {
        for (const one of batch) await writeBatch([one]);
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  async function writeAll(): Promise<void> {
    writing = true;
    // One turn of the microtask queue, so that items added in the same tick share the first batch.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxItems);
      waiting = waiting.slice(maxItems);
      await writeBatch(batch);
    }
    writing = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!writing) void writeAll();
    });
}
