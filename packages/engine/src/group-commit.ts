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
  /** What an item weighs, in bytes. Default: nothing. */
  readonly bytesOf?: (item: TItem) => number;
  /** Of one batch at most, in bytes; a heavier item is a batch of its own. Default: no limit. */
  readonly maxBatchBytes?: number;
  /** Of all that wait for the next batch at most, in bytes, and what an item is rejected with for which there is no room. Default: no limit. */
  readonly room?: { readonly maxBytes: number; readonly refuse: () => Error };
  /** Whether a failure may be the fault of one item rather than of the connection. Default: never. */
  readonly isItemsFault?: (error: unknown) => boolean;
}

/** Adds an item to the next batch; resolves with its result. */
export type GroupCommit<TItem, TResult> = (item: TItem) => Promise<TResult>;

interface Waiting<TItem, TResult> {
  readonly item: TItem;
  readonly bytes: number;
  readonly resolve: (result: TResult | Promise<TResult>) => void;
  readonly reject: (error: unknown) => void;
}

/** Makes a group commit around one way of writing. */
export function groupCommit<TItem, TResult>(options: GroupCommitOptions<TItem, TResult>): GroupCommit<TItem, TResult> {
  const { write, maxItems, isItemsFault = () => false, bytesOf = () => 0, maxBatchBytes = Infinity, room } = options;
  let waiting: Waiting<TItem, TResult>[] = [];
  let waitingBytes = 0;
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

  function nextBatch(): readonly Waiting<TItem, TResult>[] {
    let count = 0;
    let batchBytes = 0;
    for (const { bytes } of waiting) {
      if (count === maxItems || (count > 0 && batchBytes + bytes > maxBatchBytes)) break;
      count += 1;
      batchBytes += bytes;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    waitingBytes -= batchBytes;
    return batch;
  }

  async function writeAll(): Promise<void> {
    writing = true;
    // One turn of the microtask queue, so that items added in the same tick share the first batch.
    await Promise.resolve();
    while (waiting.length > 0) await writeBatch(nextBatch());
    writing = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      const bytes = bytesOf(item);
      if (room !== undefined && waiting.length > 0 && waitingBytes + bytes > room.maxBytes) return reject(room.refuse());
      waitingBytes += bytes;
      waiting.push({ item, bytes, resolve, reject });
      if (!writing) void writeAll();
    });
}
