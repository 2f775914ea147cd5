import type { Reader } from "@raincheck/engine";
import { TRPCError } from "@trpc/server";

/** How long the application may take to say whether somebody may stay. */
const limitMs = 10_000;

function unanswered(): TRPCError {
  const message = "Whether you may still follow these calls was not found out in time. Subscribe again.";
  return new TRPCError({ code: "TIMEOUT", message });
}

/** How a long answer is looked at again while it lasts. */
export interface Recheck {
  /** The pause before the next look, in milliseconds. */
  readonly pauseMs: () => number;
  /** Who asks, as the application says now. @throws what the application refuses with. */
  readonly check: () => Promise<Reader>;
}

/**
 * Asks the application again and again whether somebody may still be where they were let in, until the returned function is called
 * or it refuses. One look at a time: a slow one puts off the next, and one that is not answered in time counts as a refusal.
 */
export function recheckAccess(
  { pauseMs, check }: Recheck,
  told: { readonly reader: (reader: Reader) => void; readonly refused: (error: unknown) => void },
): () => void {
  let over = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const refuse = (error: unknown): void => {
    clearTimeout(timer);
    if (!over) told.refused(error);
    over = true;
  };
  const look = async (): Promise<void> => {
    timer = setTimeout(() => refuse(unanswered()), limitMs);
    try {
      const reader = await check();
      clearTimeout(timer);
      if (over) return;
      told.reader(reader);
      pause();
    } catch (error) {
      refuse(error);
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
