import type { Reader } from "@raincheck/engine";

/** How a long answer is looked at again while it lasts. */
export interface Recheck {
  /** The pause before the next look, in milliseconds. */
  readonly pauseMs: () => number;
  /** Who asks, as the application says now. @throws what the application refuses with. */
  readonly check: () => Promise<Reader>;
}

/**
 * Asks the application again and again whether somebody may still be where they were let in, until the returned function is called
 * or it refuses. One look at a time: a slow one puts off the next.
 */
export function recheckAccess(
  { pauseMs, check }: Recheck,
  told: { readonly reader: (reader: Reader) => void; readonly refused: (error: unknown) => void },
): () => void {
  let over = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = async (): Promise<void> => {
    try {
      const reader = await check();
      if (over) return;
      told.reader(reader);
      pause();
    } catch (error) {
      if (!over) told.refused(error);
    }
  };
  const pause = (): void => {
    timer = setTimeout(() => void look(), pauseMs());
  };
  pause();
  return () => {
    over = true;
    clearTimeout(timer);
  };
}
