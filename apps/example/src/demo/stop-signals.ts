/** How a person ends the demonstration. */
export interface StopSignals {
  /** Aborts with an error tagged `Stopped` at the first Ctrl-C, or what amounts to it. */
  readonly signal: AbortSignal;
  /** Aborts {@link StopSignals.signal} for another reason. */
  abort(reason: unknown): void;
}

/** The reason of a stop that a person asked for. */
class Stopped extends Error {
  readonly _tag = "Stopped";

  constructor(by: NodeJS.Signals) {
    super(`Stopped by ${by}.`);
    this.name = "Stopped";
  }
}

/**
 * Listens for what ends a program at a terminal.
 *
 * @param atOnce runs at the second signal, just before the process exits.
 */
export function listenForStop(atOnce: () => void): StopSignals {
  const stopping = new AbortController();
  const hear = (by: NodeJS.Signals) => {
    if (!stopping.signal.aborted) return stopping.abort(new Stopped(by));
    atOnce();
    // 128 and the number of SIGINT, as shells count.
    process.exit(130);
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, hear);
  return { signal: stopping.signal, abort: (reason) => stopping.abort(reason) };
}
