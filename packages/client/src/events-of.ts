import { type CallEvent, type CallSnapshot, type Failure, type TerminalEvent } from "@raincheck/protocol";

/**
 * What a snapshot tells as events, for whoever cannot subscribe. They are fewer than the call's own: of each state and each
 * progress that a request happened to find, one event. Their `seq` rise up to the snapshot's, but are not those of
 * the log; `at` is the server's for `queued`, the first `started` and the end, and `options.now` for the others. A
 * terminal snapshot always gives its terminal event, whatever the cursor.
 *
 * @param options.after the cursor: `seq` of the last event that is known.
 * @param options.attempt the latest attempt that is known.
 */
export function eventsOf(snapshot: CallSnapshot, options: { after: number; attempt: number; now: string }): CallEvent[] {
  const { after, attempt, now } = options;
  const end = endOf(snapshot);
  if (snapshot.seq <= after) return end === null ? [] : [end];

  const events: CallEvent[] = end === null ? [] : [end];
  // From the last to the first, each one number lower: the log has at least these, in this order, so there is room for them.
  const before = () => snapshot.seq - events.length;
  if (snapshot.state === "running" && snapshot.progress !== null && before() > after) {
    events.unshift({ type: "progress", seq: before(), at: now, attempt: snapshot.attempt, value: snapshot.progress });
  }
  if (snapshot.attempt > attempt && before() > after) {
    const at = snapshot.attempt === 1 ? (snapshot.startedAt ?? now) : now;
    events.unshift({ type: "started", seq: before(), at, attempt: snapshot.attempt });
  }
  if (after === 0 && before() > 0) events.unshift({ type: "queued", seq: 1, at: snapshot.createdAt });
  return events;
}

/** The terminal event of a call that has ended, whole and exact; `null` of an open one. */
export function endOf(snapshot: CallSnapshot): TerminalEvent | null {
  const { seq, attempt, state } = snapshot;
  const at = snapshot.endedAt ?? snapshot.createdAt;
  switch (state) {
    case "queued":
    case "running":
      return null;
    case "succeeded":
      return { type: state, seq, at, attempt, output: snapshot.output };
    case "failed":
      return { type: state, seq, at, attempt, failure: snapshot.failure ?? unknownFailure };
    case "expired":
      return { type: state, seq, at, failure: snapshot.failure ?? unknownFailure };
    case "cancelled":
      return { type: state, seq, at, reason: snapshot.cancelReason ?? null };
    default:
      return state satisfies never;
  }
}

/** For a server that breaks the protocol: an ended call still ends here. */
const unknownFailure: Failure = { code: "INTERNAL_SERVER_ERROR", message: "The server did not say how the call failed." };
