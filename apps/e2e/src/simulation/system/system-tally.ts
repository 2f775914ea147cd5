/** What must have happened, or a run of the whole system has shown nothing. */
export const systemTallied = [
  "requestDropped",
  "answerLost",
  "requestDuplicated",
  "requestDelayed",
  "wakeLost",
  "clientRequestLost",
  "clientAnswerLost",
  "messageRepeated",
  "subscriptionCut",
  "subscriptionResumed",
  "workerCrash",
  "workerDrain",
  "workerFreeze",
  "clientCrash",
  "started",
  "startRefused",
  "cancelled",
  "attempts",
  "retriedLost",
  "retriedFailed",
  "handedBack",
  "staleResults",
  "succeeded",
  "failed",
  "expired",
  "eventsFollowed",
  "followedToTheEnd",
] as const;

/** How often each thing happened. */
export type SystemTally = Record<(typeof systemTallied)[number], number>;

/** A tally of nothing yet. */
export function emptySystemTally(): SystemTally {
  return Object.fromEntries(systemTallied.map((name) => [name, 0])) as SystemTally;
}
