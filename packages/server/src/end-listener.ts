import type { CallId } from "@raincheck/protocol";

import type { CallReader } from "./shared-reads.ts";

/** Hears of what may be the end of a call, until it is stopped. */
export interface EndListener {
  /** Whether anything was heard; whoever reads the call sets it back first. */
  heard: boolean;
  /** Is called whenever something is heard. */
  onHeard: () => void;
  readonly stop: () => void;
}

/** Listens for the end of a call. */
export function listenForEnd(calls: Pick<CallReader, "subscribe">, id: CallId): EndListener {
  const listener = { heard: false, onHeard: (): void => {} };
  const stop = calls.subscribe(id, (hint) => {
    // It has begun, or told something: that needs no read.
    if (hint === "open") return;
    listener.heard = true;
    listener.onHeard();
  });
  return Object.assign(listener, { stop });
}

/**
 * A listener from before a call was accepted. The answer of the acceptance, that the call is queued, is then as good as a read: whoever
 * waits for the end in the same turn of the event loop has listened first, and need not read before something is heard. Whoever comes
 * later listens and reads anew, so that a call whose end nobody asks for is followed by nobody.
 */
export interface EarlyListener {
  /** Hands the listener over, with the duty to stop it; `null`: it has stopped. */
  take(): EndListener | null;
  stop(): void;
}

/** Listens to a call that is about to be accepted. */
export function listenEarly(calls: Pick<CallReader, "subscribe">, id: CallId): EarlyListener {
  let listener: EndListener | null = listenForEnd(calls, id);
  return {
    take() {
      const taken = listener;
      listener = null;
      return taken;
    },
    stop() {
      listener?.stop();
      listener = null;
    },
  };
}
