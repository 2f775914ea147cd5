/**
 * Keeps what Postgres believes of the delivery's table near the truth.
 *
 * The table is empty, then full, then empty again, and autovacuum looks once a minute. Where Postgres believes that a queue has one row,
 * pg-boss's `fetch` compares each row of the queue with each that it takes: of 10,000 waiting calls a second would fetch 500. So whoever moves many
 * rows has the table analysed, which costs some ten milliseconds, and no more often than that is worth: never while it is likely to be empty, for
 * then Postgres would believe that it stays so.
 */

/** Rows that were sent before, most of which still wait if nobody keeps up. */
const leastSent = 5_000;

/** Rows that were taken at once: until that is committed, they are there. */
const leastTaken = 100;

/** Between two looks of one process, in milliseconds. */
const pauseMs = 5_000;

/** What a delivery tells; see the file's head. Nobody waits for it. */
export interface Statistics {
  /** Rows are about to be sent. */
  sending(count: number): void;
  /** Rows were taken, in a transaction that is still open. */
  taken(count: number): void;
}

/** @param analyse has the table analysed. What fails is tried again later. */
export function makeStatistics(analyse: () => Promise<unknown>, now: () => number = () => performance.now()): Statistics {
  let sent = 0;
  let atMs = -Infinity;

  function look(): void {
    if (now() - atMs < pauseMs) return;
    sent = 0;
    atMs = now();
    analyse().catch(() => undefined);
  }

  return {
    sending(count) {
      // Those of this time are not committed yet.
      if (sent >= leastSent) look();
      sent += count;
    },
    taken(count) {
      if (count >= leastTaken) look();
    },
  };
}
