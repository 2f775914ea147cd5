import type { Engine } from "@raincheck/engine";
import { promised } from "../broken-promise.ts";

interface Subscription {
  isOpen: boolean;
  isWoken: boolean;
}

/** Microtasks after which a wake must have come: the memory engine gathers changes in one and wakes in another. */
const turnsToWake = 4;

/** Watches that the engine's wakes come: too often is allowed, too seldom is not. */
export class WakeAudit {
  readonly #engine: Pick<Engine, "subscribe">;
  readonly #subscriptions = new Map<string, Set<Subscription>>();
  readonly #owed = new Set<Subscription>();

  constructor(engine: Pick<Engine, "subscribe">) {
    this.#engine = engine;
  }

  /** See `Engine.subscribe`. */
  subscribe(id: string, wake: () => void): () => void {
    const subscription: Subscription = { isOpen: true, isWoken: false };
    const all = this.#subscriptions.get(id) ?? new Set();
    this.#subscriptions.set(id, all.add(subscription));
    const unsubscribe = this.#engine.subscribe(id, () => {
      subscription.isWoken = true;
      wake();
    });
    return () => {
      subscription.isOpen = false;
      all.delete(subscription);
      if (all.size === 0 && this.#subscriptions.get(id) === all) this.#subscriptions.delete(id);
      unsubscribe();
    };
  }

  /** A call has changed: its subscribers are to be woken. */
  owe(id: string): void {
    for (const subscription of this.#subscriptions.get(id) ?? []) this.#owed.add(subscription);
  }

  /**
   * Waits for what is owed.
   *
   * @throws {BrokenPromise} when a wake has not come.
   */
  async settle(): Promise<void> {
    if (this.#owed.size === 0) return;
    for (let turn = 0; turn < turnsToWake; turn++) await Promise.resolve();
    for (const subscription of this.#owed) {
      promised(subscription.isWoken || !subscription.isOpen, "L2", () => "a call changed, and one who was subscribed to it was not woken");
      subscription.isWoken = false;
    }
    this.#owed.clear();
  }
}
