/** What a process holds. */
export interface Memory {
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** What this process holds once its garbage is collected, for which it has to run with `--expose-gc`. */
export async function collectedMemory(): Promise<Memory> {
  // What a collection leaves to be finalised is freed by the next one.
  for (let times = 0; times < 4; times++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, rss } = process.memoryUsage();
  return { heapBytes: heapUsed, rssBytes: rss };
}
