import type { Engine } from "@raincheck/engine";

/** Where the commit of one run of a resolver is open, so that the calls which are started meanwhile belong to it. */
export class CommitScope {
  readonly #engine: Engine;
  readonly #outer: CommitScope | undefined;
  #open: { readonly transaction: unknown } | null = null;

  /** @param outer the scope of the run within which this one runs as a plain call. */
  constructor(engine: Engine, outer: CommitScope | undefined) {
    this.#engine = engine;
    this.#outer = outer;
  }

  /** The transaction that is open for calls of an engine, this run's own or the next one outwards; `undefined`: none. */
  transactionOf(engine: Engine): unknown {
    return this.#open !== null && this.#engine === engine ? this.#open.transaction : this.#outer?.transactionOf(engine);
  }

  /** Runs a commit's work; what is started until it ends belongs to the transaction. */
  async run<TValue>(transaction: unknown, work: () => TValue | Promise<TValue>): Promise<TValue> {
    this.#open = { transaction };
    try {
      return await work();
    } finally {
      this.#open = null;
    }
  }
}
