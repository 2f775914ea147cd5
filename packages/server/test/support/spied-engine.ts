import type { Engine } from "@raincheck/engine";
import { memoryEngine } from "@raincheck/engine/memory";

/** A memory engine that counts who is subscribed, whose verbs a test can replace, and that tells when something was read. */
export interface SpiedEngine extends Engine<string | null> {
  /** Subscriptions that are open now. */
  readonly subscribed: () => number;
  /** Resolves when a subscription ends the next time. */
  readonly unsubscribed: () => Promise<void>;
  /** Resolves when `verb` was called and has answered the next time. */
  readonly next: (verb: "events" | "read") => Promise<void>;
}

/** Makes a {@link SpiedEngine}; its transactions are the text `"tx"`. */
export function spiedEngine(overrides: Partial<Engine<string | null>> = {}): SpiedEngine {
  const engine = memoryEngine();
  let subscribed = 0;
  const waiting = { events: [] as (() => void)[], read: [] as (() => void)[], unsubscribe: [] as (() => void)[] };
  const happened = (what: keyof typeof waiting): void => {
    for (const resolve of waiting[what].splice(0)) resolve();
  };
  return {
    ...engine,
    accept: (call) => engine.accept(call),
    commit: (attempt, work) => engine.commit(attempt, () => work("tx")),
    transaction: (work) => engine.transaction(() => work("tx")),
    subscribe(id, wake) {
      const unsubscribe = engine.subscribe(id, wake);
      let open = true;
      subscribed++;
      return () => {
        if (open) subscribed--;
        open = false;
        unsubscribe();
        happened("unsubscribe");
      };
    },
    async events(id, after, reader) {
      const page = await engine.events(id, after, reader);
      happened("events");
      return page;
    },
    async read(id, reader) {
      const record = await engine.read(id, reader);
      happened("read");
      return record;
    },
    ...overrides,
    subscribed: () => subscribed,
    unsubscribed: () => new Promise((resolve) => waiting.unsubscribe.push(resolve)),
    next: (verb) => new Promise((resolve) => waiting[verb].push(resolve)),
  };
}
