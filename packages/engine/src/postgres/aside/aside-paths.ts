import type { Wakes } from "../waking/wake.ts";

/** A queue, and a path of which it has calls aside. */
export interface PathAside {
  readonly queue: string;
  readonly path: string;
}

/** Which paths have calls aside, as far as this process knows: a hint; see `set-aside.ts`. */
export class AsidePaths {
  #byQueue = new Map<string, Set<string>>();
  /** What became of paths since the keeper last began to look: whether each has calls aside. By {@link keyOf}. */
  #since = new Map<string, { readonly pair: PathAside; readonly hasCalls: boolean }>();

  /** Calls of this path have been set aside, and that is committed. */
  note(pair: PathAside): void {
    this.#since.set(keyOf(pair), { pair, hasCalls: true });
    this.#add(pair);
  }

  /** A claim has found no more calls of this path. The next that is set aside is news again, therefore. */
  drained(pair: PathAside): void {
    this.#since.set(keyOf(pair), { pair, hasCalls: false });
    this.#byQueue.get(pair.queue)?.delete(pair.path);
  }

  #add({ queue, path }: PathAside): void {
    const paths = this.#byQueue.get(queue) ?? new Set();
    this.#byQueue.set(queue, paths.add(path));
  }

  /** The paths that may have calls aside in a queue. */
  of(queue: string): readonly string[] {
    return [...(this.#byQueue.get(queue) ?? [])];
  }

  get isEmpty(): boolean {
    return this.#byQueue.size === 0;
  }

  /**
   * Takes over what the ledger has. What happened while it is asked may have been committed too late for its answer, and counts instead.
   *
   * @returns the queues with a path that was not known to have any.
   */
  async refresh(ask: () => Promise<readonly PathAside[]>): Promise<Set<string>> {
    this.#since = new Map();
    const answered = await ask();
    const before = this.#byQueue;
    this.#byQueue = new Map();
    const found = answered.filter((pair) => !this.#since.has(keyOf(pair)));
    const noted = [...this.#since.values()].filter(({ hasCalls }) => hasCalls).map(({ pair }) => pair);
    for (const pair of [...found, ...noted]) this.#add(pair);
    return new Set(found.filter(({ queue, path }) => before.get(queue)?.has(path) !== true).map(({ queue }) => queue));
  }
}

function keyOf({ queue, path }: PathAside): string {
  return JSON.stringify([queue, path]);
}

/** Notes what has been set aside, and wakes the claimers of this process: another of them may have the procedure. */
export function noteAside(
  { aside, wakes }: { readonly aside: AsidePaths; readonly wakes: Pick<Wakes, "runnableHere"> },
  pairs: readonly PathAside[],
): void {
  for (const pair of pairs) aside.note(pair);
  for (const queue of new Set(pairs.map((pair) => pair.queue))) wakes.runnableHere(queue);
}
