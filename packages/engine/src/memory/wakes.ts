import type { WakeHint } from "../wake-hint.ts";

/**
 * Subscriptions to named things. However often a thing changes before the current job ends, each of its subscribers is called
 * once, afterwards: never in the middle of the change, and a subscriber that throws keeps no other from its wake.
 */
export class Wakes {
  readonly #subscribers = new Map<string, Set<Subscription>>();
  readonly #changed = new Map<string, WakeHint>();
  #flushing = false;

  /**
   * Calls back after each change of one of the names.
   *
   * @returns unsubscribes; no call comes after it.
   */
  subscribe(names: readonly string[], wake: (hint: WakeHint) => void): () => void {
    const subscription: Subscription = { wake, isOpen: true };
    for (const name of names) {
      const subscribers = this.#subscribers.get(name);
      if (subscribers === undefined) this.#subscribers.set(name, new Set([subscription]));
      else subscribers.add(subscription);
    }
    return () => {
      subscription.isOpen = false;
      for (const name of names) {
        const subscribers = this.#subscribers.get(name);
        subscribers?.delete(subscription);
        if (subscribers?.size === 0) this.#subscribers.delete(name);
      }
    };
  }

  /** Says that a thing has changed. Of several changes that are told at once, `open` must hold for all. */
  changed(name: string, hint: WakeHint = "unknown"): void {
    if (!this.#subscribers.has(name)) return;
    this.#changed.set(name, hint === "open" ? (this.#changed.get(name) ?? hint) : hint);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  /** Says that everything that somebody is subscribed to has changed. */
  allChanged(): void {
    for (const name of this.#subscribers.keys()) this.changed(name);
  }

  #flush(): void {
    this.#flushing = false;
    const woken = new Map<Subscription, WakeHint>();
    for (const [name, hint] of this.#changed) {
      for (const subscription of this.#subscribers.get(name) ?? [])
        woken.set(subscription, woken.get(subscription) === "unknown" ? "unknown" : hint);
    }
    this.#changed.clear();
    for (const [subscription, hint] of woken) {
      // A microtask each: what one of them throws is reported by the process, and the others are called all the same.
      queueMicrotask(() => {
        if (subscription.isOpen) subscription.wake(hint);
      });
    }
  }
}

interface Subscription {
  readonly wake: (hint: WakeHint) => void;
  isOpen: boolean;
}
