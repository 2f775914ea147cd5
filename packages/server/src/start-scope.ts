import type { Engine } from "@raincheck/engine";

import type { Attempt } from "./attempt.ts";

/**
 * What the calls that are started with a context belong to: the attempt that it is of, and the commit that is open. Opaque, so that
 * an application which logs or copies its context has nothing of ours in its hands.
 */
export class StartScope {
  readonly #engine: Engine;
  readonly #attempt: Attempt | null;
  readonly #outer: StartScope | undefined;
  #open: { readonly transaction: unknown } | null = null;

  /**
   * @param of.attempt the attempt that begins here; `null`: none does, but there may be one outwards.
   * @param of.outer the scope of the context within which this one is made.
   */
  constructor(engine: Engine, of: { readonly attempt: Attempt | null; readonly outer: StartScope | undefined }) {
    this.#engine = engine;
    this.#attempt = of.attempt;
    this.#outer = of.outer;
  }

  /** The attempt of an engine's call within which something is started; `null`: none. */
  attemptOf(engine: Engine): Attempt | null {
    return this.#engine === engine && this.#attempt !== null ? this.#attempt : (this.#outer?.attemptOf(engine) ?? null);
  }

  /** The transaction that is open for calls of an engine, this run's own or the next one outwards; `undefined`: none. */
  transactionOf(engine: Engine): unknown {
    return this.#engine === engine && this.#open !== null ? this.#open.transaction : this.#outer?.transactionOf(engine);
  }

  /** Runs a commit's work; what is started until it ends belongs to the transaction. */
  async commit<TValue>(transaction: unknown, work: () => TValue | Promise<TValue>): Promise<TValue> {
    this.#open = { transaction };
    try {
      return await work();
    } finally {
      this.#open = null;
    }
  }
}
