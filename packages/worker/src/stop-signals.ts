/** The signals that ask a process to end: what a container's runtime and a terminal send. */
const signals = ["SIGTERM", "SIGINT"] as const;

/** One of them. */
export type StopSignal = (typeof signals)[number];

/**
 * Listens to the signals that ask the process to end.
 *
 * @returns stops listening.
 */
export function listenForStop(onSignal: (signal: StopSignal) => void): () => void {
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}

/**
 * Does what the signal would have done without us: it ends the process, unless somebody else listens to it. Then the process is theirs
 * to end.
 */
export function raiseAgain(signal: StopSignal): void {
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}
