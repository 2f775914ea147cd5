/** What must have happened, or a run has shown nothing. */
export const tallied = [
  // What the link did.
  "requestDropped",
  "answerLost",
  "requestDuplicated",
  "reordered",
  "lateForTheDead",
  "wakeLost",
  // What the nemesis did.
  "crash",
  "freeze",
  "clockJump",
  "lateTimers",
  // What became of it.
  "accepted",
  "sameCallAgain",
  "keyConflict",
  "engineFull",
  "fencedSettle",
  "fencedReport",
  "fencedAppend",
  "fencedCommit",
  "fencedChild",
  "repliesClaimed",
  "retried",
  "replayed",
  "repeatFound",
  "repeatRefused",
  "settleRepeated",
  "appendRepeated",
  "leaseLost",
  "leaseRefused",
  "poisoned",
  "handedBack",
  "vouchedFor",
  "unknownProcedure",
  "succeeded",
  "failed",
  "cancelled",
  "cancelledWithParent",
  "cancelTooLate",
  "deadlinePassed",
  "startByPassed",
  "strangerRefused",
  "eventRepeated",
  "followedToTheEnd",
] as const;

/** The name of something that is counted. */
export type Tallied = (typeof tallied)[number];

/** How often each thing happened. */
export type Tally = Record<Tallied, number>;

/** A tally of nothing yet. */
export function emptyTally(): Tally {
  return Object.fromEntries(tallied.map((name) => [name, 0])) as Tally;
}

/** Adds one tally to another. */
export function addTally(sum: Tally, tally: Tally): void {
  for (const name of tallied) sum[name] += tally[name];
}
