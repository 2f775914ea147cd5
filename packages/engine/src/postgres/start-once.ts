import { EngineStopped } from "../engine-errors.ts";

/** Something that is opened at its first use, once, and closed once. */
export interface StartOnce<TOpened> {
  /** The opened thing. Concurrent callers share one opening; after one that failed, the next caller tries again. */
  get(): Promise<TOpened>;
  /** Closes it, waiting for an opening that is under way; afterwards `get` rejects. Idempotent. */
  stop(): Promise<void>;
}

/** Makes a {@link StartOnce} of a way to open. */
export function startOnce<TOpened extends { close(): Promise<void> }>(open: () => Promise<TOpened>): StartOnce<TOpened> {
  let opening: Promise<TOpened> | null = null;
  let stopped: Promise<void> | null = null;

  return {
    get() {
      if (stopped !== null) return Promise.reject(new EngineStopped("open"));
      opening ??= open().catch((error: unknown) => {
        opening = null;
        throw error;
      });
      return opening;
    },
    stop() {
      stopped ??= (async () => {
        const opened = await opening?.catch(() => null);
        await opened?.close();
      })();
      return stopped;
    },
  };
}
