import type { Evidence, LedgerCall, LedgerEvent } from "../../src/chaos/check/evidence.ts";
import { groupBy } from "../../src/chaos/check/evidence.ts";
import type { HistoryEntry, Sight } from "../../src/chaos/history.ts";

/** When the fixture's run was, in milliseconds since 1970. */
const beganAt = 1_000_000;

/** A run in which one call was accepted, failed once, and succeeded by its second attempt: all promises were kept. */
export function soundEvidence(): Evidence {
  const output = '{"tag":"key-1","owner":"ada","attempt":2}';
  const call: LedgerCall = {
    id: "call-1",
    path: "effect",
    principal: "ada",
    state: "succeeded",
    seq: 5,
    attempt: 2,
    failures: 1,
    crashes: 0,
    input: '{"tag":"key-1"}',
    output,
    failure: null,
    endedAt: beganAt + 55,
    deadline: null,
    repeats: null,
    tells: null,
  };
  const events = [
    event(1, "queued", 0),
    event(2, "started", 1),
    event(3, "retrying", 1, '{"reason":"failed"}'),
    event(4, "started", 2),
    event(5, "succeeded", 2),
  ];
  const followed = events.map(({ seq, type }): Sight => ({ kind: "followed", id: "call-1", follower: "first", seq, type }));
  return {
    calls: [call],
    events: groupBy(events, ({ id }) => id),
    effects: [{ id: "call-1", attempt: 2, tag: "key-1" }],
    replies: [],
    history: historyOf([
      { kind: "phase", phase: "tail" },
      { kind: "submitted", key: "key-1", owner: "ada", path: "effect", told: [] },
      { kind: "accepted", key: "key-1", id: "call-1" },
      { kind: "resolver-started", id: "call-1", attempt: 1, path: "effect" },
      { kind: "resolver-started", id: "call-1", attempt: 2, path: "effect" },
      ...followed,
      { kind: "ended", id: "call-1", follower: "first", state: "succeeded", value: output },
      { kind: "read", id: "call-1", state: "succeeded", value: output },
      { kind: "cancelled", id: "call-1", ended: false },
      { kind: "spied", id: "call-1", code: "NOT_FOUND" },
      { kind: "exited", code: null, signal: "SIGKILL", expected: true },
    ]),
  };
}

/** An event of the fixture's call. */
export function event(seq: number, type: LedgerEvent["type"], attempt: number, body: string | null = null): LedgerEvent {
  return { id: "call-1", seq, type, at: beganAt + seq * 10, attempt, body };
}

/** A history of what one worker saw, a millisecond apart. */
export function historyOf(sights: readonly Sight[]): HistoryEntry[] {
  return sights.map((sight, index) => ({ ...sight, by: "worker-1", at: beganAt + 50 + index }));
}

/** The evidence with its one call otherwise. */
export function withCall(evidence: Evidence, change: Partial<LedgerCall>): Evidence {
  return { ...evidence, calls: evidence.calls.map((call) => ({ ...call, ...change })) };
}

/** The evidence with other events of its one call. */
export function withEvents(evidence: Evidence, change: (events: readonly LedgerEvent[]) => readonly LedgerEvent[]): Evidence {
  return { ...evidence, events: new Map([...evidence.events].map(([id, events]) => [id, change(events)])) };
}

/** The evidence with more in its history. */
export function withHistory(evidence: Evidence, sights: readonly Sight[]): Evidence {
  return { ...evidence, history: [...evidence.history, ...historyOf(sights)] };
}
