/** The longest pause between two tries, in milliseconds. */
const maxPauseMs = 30_000;

/**
 * How long to pause before the next try: full jitter, so that the clients of a server that restarts do not come back together.
 *
 * @param failures tries that failed before, from 0: the pause is drawn from 0 up to 250 ms, 500 ms, 1 s … 30 s.
 * @param random from 0 up to 1.
 */
export function backoffMs(failures: number, random = Math.random()): number {
  return random * Math.min(maxPauseMs, 250 * 2 ** failures);
}

/** Resolves after a time; rejects with the signal's reason when it aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * Tries until there is an answer.
 *
 * @param options.tries at most; then the last error is thrown.
 * @param options.again whether an error is worth another try.
 * @throws the signal's reason when it aborts, before a try or during one.
 */
export async function retry<TValue>(
  attempt: () => Promise<TValue>,
  options: {
    tries: number;
    again: (error: unknown) => boolean;
    /** The least pause that an error asks for, in milliseconds. */
    pauseMs?: (error: unknown) => number | null;
    signal?: AbortSignal | undefined;
  },
): Promise<TValue> {
  const { tries, again, pauseMs = () => null, signal } = options;
  for (let failures = 0; ; failures++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (failures + 1 >= tries || !again(error)) throw error;
      await pause((pauseMs(error) ?? 0) + backoffMs(failures), signal);
    }
  }
}
