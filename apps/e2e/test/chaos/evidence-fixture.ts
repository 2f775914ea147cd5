import type { Evidence, LedgerCall, LedgerEvent } from "../../src/chaos/check/evidence.ts";
import { groupBy } from "../../src/chaos/check/evidence.ts";
import type { HistoryEntry, Sight } from "../../src/chaos/history.ts";

/** When the fixture's run was, in milliseconds since 1970. */
const beganAt = 1_000_000;

/**
 * A run in which one call was accepted, failed once, and succeeded by its second attempt; its end was replied, and posted twice, because it was
 * not taken at first: all promises were kept.
 */
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
    replies: [{ id: "call-1", state: "succeeded", value: output, at: beganAt + 60 }],
    history: historyOf([
      { kind: "phase", phase: "tail" },
      { kind: "submitted", key: "key-1", owner: "ada", path: "effect", told: ["reply", "webhook"] },
      { kind: "accepted", key: "key-1", id: "call-1" },
      { kind: "resolver-started", id: "call-1", attempt: 1, path: "effect" },
      { kind: "resolver-started", id: "call-1", attempt: 2, path: "effect" },
      ...followed,
      { kind: "ended", id: "call-1", follower: "first", state: "succeeded", value: output },
      { kind: "read", id: "call-1", state: "succeeded", value: output },
      { kind: "cancelled", id: "call-1", ended: false },
      { kind: "spied", id: "call-1", code: "NOT_FOUND" },
      post({ value: output, answer: "refused" }),
      post({ value: output }),
      { kind: "exited", code: null, signal: "SIGKILL", expected: true },
    ]),
  };
}

/** A run in which the first attempt at a streaming call yielded one value of two, and the second both. */
export function soundStream(): Evidence {
  const sound = soundEvidence();
  const [call] = sound.calls;
  const stored = [
    event(1, "queued", 0),
    event(2, "started", 1),
    yielded(3, 1, 1),
    event(4, "retrying", 1, '{"reason":"lost"}'),
    event(5, "started", 2),
    yielded(6, 2, 1),
    yielded(7, 2, 2),
    event(8, "succeeded", 2),
  ];
  return {
    ...sound,
    calls: [{ ...call!, path: "stream", seq: 8, failures: 0, crashes: 1, input: '~1j{"tag":"key-1","yields":2}' }],
    events: groupBy(stored, ({ id }) => id),
    history: [
      ...sound.history.filter(({ kind }) => kind !== "followed"),
      ...historyOf([
        ...stored.map(({ seq, type }): Sight => ({ kind: "followed", id: "call-1", follower: "first", seq, type })),
        heard(1, 1),
        heard(2, 1),
        heard(2, 2),
      ]),
    ],
  };
}

/** A run in which a call failed, and was retried: two asked for it, and the one retry failed too. */
export function soundRetry(): Evidence {
  const sound = soundEvidence();
  const failed = {
    ...sound.calls[0]!,
    path: "refuse",
    state: "failed",
    attempt: 1,
    failures: 0,
    seq: 3,
    output: null,
    failure: "{}",
  } as const;
  const stored = [event(1, "queued", 0), event(2, "started", 1), event(3, "failed", 1)];
  return {
    calls: [failed, { ...failed, id: "call-2", repeats: "call-1" }],
    events: new Map(["call-1", "call-2"].map((id) => [id, stored.map((one) => ({ ...one, id }))])),
    effects: [],
    replies: [],
    history: historyOf([
      { kind: "phase", phase: "tail" },
      { kind: "submitted", key: "key-1", owner: "ada", path: "refuse", told: [] },
      { kind: "accepted", key: "key-1", id: "call-1" },
      { kind: "resolver-started", id: "call-1", attempt: 1, path: "refuse" },
      { kind: "resolver-started", id: "call-2", attempt: 1, path: "refuse" },
      { kind: "repeated", of: "call-1", id: "call-2", key: null, asked: "client" },
      { kind: "repeated", of: "call-1", id: "call-2", key: null, asked: "server" },
    ]),
  };
}

/** A post of the end of the fixture's call, which is taken. */
export function post(change: Partial<Extract<Sight, { kind: "posted" }>>): Sight {
  return { kind: "posted", id: "call-1", call: "call-1", state: "succeeded", value: "null", answer: "taken", ...change };
}

/** What the first follower of the fixture's call hears: a value by its place. */
export function heard(attempt: number, place: number): Extract<Sight, { kind: "heard" }> {
  return { kind: "heard", id: "call-1", follower: "first", attempt, value: { place, attempt } };
}

/** The event of a value by its place. */
export function yielded(seq: number, attempt: number, place: number): LedgerEvent {
  return event(seq, "yielded", attempt, `~1j${JSON.stringify({ place, attempt })}`);
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
