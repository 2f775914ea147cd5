import { seconds } from "./figures.ts";
import type { Screen, Style } from "./screen.ts";

/** A line of a {@link Timeline}. */
export interface Moment {
  /** A word: `started`. */
  readonly what: string;
  readonly text: string;
  /** How the word looks. Default `cyan`. */
  readonly style?: Style;
}

/** Lines that each say when they happened, in seconds since the first of them. */
export interface Timeline {
  /** A line that stays. */
  tell(moment: Moment): void;
  /** A line that is drawn over; shown on a terminal only. */
  live(moment: Moment): void;
  /** The live line, as it is now, stays. */
  keep(): void;
  /** Counts the seconds on the live line, until anything else is told. */
  wait(moment: Moment): void;
  /** Milliseconds since the timeline began. */
  elapsedMs(): number;
}

/** The clock on the live line has moved by then, in milliseconds. */
const tickMs = 100;

/** Begins a timeline. */
export function beginTimeline(screen: Screen): Timeline {
  const begunAt = performance.now();
  const elapsedMs = () => performance.now() - begunAt;
  const lineOf = ({ what, text, style = "cyan" }: Moment) =>
    `${screen.style("dim", seconds(elapsedMs()).padStart(8))}  ${screen.style(style, what.padEnd(9))}  ${text}`;
  let live: string | null = null;
  let ticking: NodeJS.Timeout | undefined;
  const show = (line: string | null) => {
    clearInterval(ticking);
    live = line;
    screen.live(line);
  };
  return {
    elapsedMs,
    tell(moment) {
      show(null);
      screen.print(lineOf(moment));
    },
    live: (moment) => show(lineOf(moment)),
    keep() {
      const kept = live;
      show(null);
      if (kept !== null && screen.isLive) screen.print(kept);
    },
    wait(moment) {
      show(null);
      if (!screen.isLive) return;
      // Not `live`: nobody wants to keep it.
      const tick = () => screen.live(lineOf(moment));
      tick();
      ticking = setInterval(tick, tickMs).unref();
    },
  };
}
