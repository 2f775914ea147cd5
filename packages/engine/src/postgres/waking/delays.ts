/**
 * Wakes that are due later: the process that queued a delayed call wakes its queue when the delay has passed, so that a retry
 * begins on time without anybody polling fast. Other processes, and this one after a restart, find it by their poll.
 */
export interface Delays {
  /** Wakes `key` in `delayMs` milliseconds. */
  add(key: string, delayMs: number): void;
  close(): void;
}

/** Beyond this many pending wakes further ones are left to the poll. */
const maxPending = 10_000;

/** A delivery becomes visible by the server's clock, a touch after the same delay has passed here. */
const marginMs = 2;

/** A timer counts at most this far (2^31 - 1 ms); what is due later is left to the poll. */
const maxDelayMs = 2_147_483_647;

/** Makes the delays of one engine. Its timers do not keep a process alive. */
export function delays(wake: (key: string) => void): Delays {
  const pending = new Set<NodeJS.Timeout>();
  return {
    add(key, delayMs) {
      if (pending.size >= maxPending || delayMs > maxDelayMs) return;
      const timer = setTimeout(
        () => {
          pending.delete(timer);
          wake(key);
        },
        Math.ceil(delayMs) + marginMs,
      );
      timer.unref();
      pending.add(timer);
    },
    close() {
      for (const timer of pending) clearTimeout(timer);
      pending.clear();
    },
  };
}
