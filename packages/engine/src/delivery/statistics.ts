/**
 * Keeps what Postgres believes of the delivery's table near the truth.
 *
 * The table is empty, then full, then empty again, and autovacuum looks once a minute. Where Postgres believes that a queue has one row,
 * pg-boss's `fetch` compares each row of the queue with each that it takes: of 10,000 waiting calls a second would fetch 500. So whoever moves many
 * rows has the table analysed, which costs some ten milliseconds, and no more often than that is worth.
 */

/** Rows sent and taken that are worth a look. */
const leastRows = 500;

/** Between two looks of one process, in milliseconds. */
const pauseMs = 5_000;

/** Tells of rows that were sent or taken; see the file's head. Never rejects, and nobody waits for it. */
export type NoteRows = (count: number) => void;

/** @param analyse has the table analysed. What fails is tried again with the next rows. */
export function makeStatistics(analyse: () => Promise<unknown>, now: () => number = () => performance.now()): NoteRows {
  let rows = 0;
  let atMs = -Infinity;
  return (count) => {
    rows += count;
    if (rows < leastRows || now() - atMs < pauseMs) return;
    rows = 0;
    atMs = now();
    analyse().catch(() => undefined);
  };
}
