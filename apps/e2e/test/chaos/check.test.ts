import { describe, expect, test } from "vitest";
import type { Evidence } from "../../src/chaos/check/evidence.ts";
import { checkPromptness } from "../../src/chaos/check/promptness.ts";
import { checkProof } from "../../src/chaos/check/proof.ts";
import { faultKinds } from "../../src/chaos/fault-kind.ts";
import { type Figures, measure } from "../../src/chaos/figures.ts";
import type { Sight } from "../../src/chaos/history.ts";
import { event, heard, historyOf, post, soundEvidence, withCall, withEvents, withHistory } from "./evidence-fixture.ts";
import { invariantsBroken } from "./invariants-broken.ts";

const sound = soundEvidence();
const firstAttemptSucceeded = { ...sound, effects: [{ id: "call-1", attempt: 1, tag: "key-1" }] };

/** Each a run that broke one promise, and which. */
const brokenRuns: Readonly<Record<string, readonly [string, Evidence]>> = {
  "an accepted call is gone": ["I1", { ...withHistory(sound, [{ kind: "accepted", key: "key-2", id: "call-2" }]) }],
  "a call has ended twice": ["I2", withEvents(withCall(sound, { seq: 6 }), (events) => [...events, event(6, "cancelled", 2)])],
  "a call's row says otherwise than its events": ["I2", withCall(sound, { seq: 4 })],
  "an effect was committed twice": ["I3", { ...sound, effects: [...sound.effects, ...sound.effects] }],
  "an effect is missing": ["I3", { ...sound, effects: [] }],
  "a stale attempt has written": ["I4", firstAttemptSucceeded],
  "a stale attempt's output was taken": ["I4", withCall(sound, { output: '~1j{"tag":"key-1","owner":"ada","attempt":1}' })],
  "an attempt ran twice": ["I4", withHistory(sound, [{ kind: "resolver-started", id: "call-1", attempt: 2, path: "effect" }])],
  "an attempt ran that was never claimed": [
    "I4",
    withHistory(sound, [{ kind: "resolver-started", id: "call-1", attempt: 3, path: "effect" }]),
  ],
  "the events have a gap": ["I5", withEvents(sound, (events) => events.filter(({ seq }) => seq !== 3))],
  "a follower was told an event twice": [
    "I5",
    withHistory(sound, [{ kind: "followed", id: "call-1", follower: "first", seq: 5, type: "succeeded" }]),
  ],
  "a follower was told another event": [
    "I5",
    withHistory(sound, [{ kind: "followed", id: "call-1", follower: "second", seq: 1, type: "started" }]),
  ],
  "a follower was told another end": [
    "I6",
    withHistory(sound, [{ kind: "ended", id: "call-1", follower: "second", state: "failed", value: "{}" }]),
  ],
  "a follower was told another output": [
    "I6",
    withHistory(sound, [{ kind: "ended", id: "call-1", follower: "second", state: "succeeded", value: '{"tag":"key-2","owner":"ada"}' }]),
  ],
  "a read told another output": ["I6", withHistory(sound, [{ kind: "read", id: "call-1", state: "succeeded", value: "1" }])],
  "a cancelled call succeeded": ["I7", withHistory(sound, [{ kind: "cancelled", id: "call-1", ended: true }])],
  "an attempt began after the deadline": ["I8", withCall(sound, { deadline: 1_000_015 })],
  "a stranger was shown a call": ["I9", withHistory(sound, [{ kind: "spied", id: "call-1", code: null }])],
  "one key named two calls": ["I10", withHistory(withSecondCall(), [{ kind: "accepted", key: "key-1", id: "call-2" }])],
  "a call had more attempts than its policy allows": ["I11", withCall(sound, { failures: 6 })],
  "a call was lost more often than is allowed": ["I11", withCall(sound, { crashes: 4 })],
  "a call is open": ["L1", withEvents(withCall(sound, { state: "running", seq: 4, output: null }), (events) => events.slice(0, 4))],
  "a follower heard of the end too late": [
    "L2",
    { ...sound, history: sound.history.map((entry) => (entry.kind === "ended" ? { ...entry, at: entry.at + 3_000 } : entry)) },
  ],
  "a process ended by itself": ["L5", withHistory(sound, [{ kind: "exited", code: 1, signal: null, expected: false }])],
  "a client met an error of another kind": [
    "L6",
    withHistory(sound, [{ kind: "surprised", subject: "key-1", message: "INTERNAL_SERVER_ERROR" }]),
  ],
};

function withSecondCall(): Evidence {
  const events = [...(sound.events.get("call-1") ?? [])];
  return {
    ...sound,
    calls: [...sound.calls, { ...sound.calls[0]!, id: "call-2", input: '{"tag":"key-1b"}' }],
    events: new Map([...sound.events, ["call-2", events.map((one) => ({ ...one, id: "call-2" }))]]),
    effects: [...sound.effects, { id: "call-2", attempt: 2, tag: "key-1" }],
  };
}

describe("the checker of a chaos run", () => {
  // The one call was retried, which the last calls of a run must not be.
  test("finds a sound run sound, but for the last call's retry", () => {
    expect(invariantsBroken(sound)).toEqual(["L3"]);
  });

  test.each(Object.entries(brokenRuns))("finds that %s", (_, [invariant, evidence]) => {
    expect(invariantsBroken(evidence)).toContain(invariant);
  });

  test("finds clients that still wait, idle workers, and connections that were left", () => {
    expect(invariantsBroken(sound, { drained: false })).toContain("L1");
    expect(invariantsBroken(sound, { workers: ["worker-1", "worker-2"] })).toContain("L3");
    expect(invariantsBroken(sound, { connections: { open: 13, most: 12 } })).toContain("L4");
  });
});

describe("how soon things must happen", () => {
  const circumstances = { faults: ["sigkill"], leaseMs: 4_000, listen: true } as const;
  const late = (ms: number): Figures => {
    const slow = { p50: ms, p99: ms, count: 20 };
    return { ...measure(sound), redispatchMs: slow, cancelToldMs: slow, deliveryMs: slow };
  };

  test.each([
    [6_001, circumstances, ["SIGKILL to next attempt", "cancel to signal"]],
    [6_000, circumstances, ["cancel to signal"]],
    [3_001, { ...circumstances, leaseMs: 2_000 }, ["SIGKILL to next attempt", "cancel to signal"]],
    [1_000, circumstances, []],
    [1_201, { ...circumstances, listen: false }, ["end to client"]],
    [1_200, { ...circumstances, listen: false }, []],
  ])("%i ms under %j", (ms, given, subjects) => {
    expect(checkPromptness(late(ms), given).map(({ invariant, subject }) => `${invariant} ${subject}`)).toEqual(
      subjects.map((subject) => `L7 ${subject}`),
    );
  });

  test("is not judged by a handful, nor where other faults delay", () => {
    const few = { p50: 9_000, p99: 9_000, count: 19 };
    expect(checkPromptness({ ...late(9_000), redispatchMs: few, cancelToldMs: few }, circumstances)).toEqual([]);
    expect(checkPromptness(late(9_000), { ...circumstances, faults: faultKinds })).toEqual([]);
  });
});

describe("a run proves something", () => {
  const faults = (fault: "sigstop" | "cut" | "lostAnswer", count: number) =>
    Array.from({ length: count }, () => ({ kind: "fault", fault, target: "worker-1" }) as const);

  test.each([
    ["sigstop", { kind: "fenced", id: "call-1", attempt: 1 }],
    ["cut", { kind: "reconnected", link: "clients", cutAt: 1 }],
    ["lostAnswer", { kind: "answer-lost", link: "worker-1" }],
  ] as const)("when %s has had its effect", (fault, trace) => {
    expect(checkProof(historyOf(faults(fault, 5)))).toMatchObject([{ invariant: "N", subject: fault }]);
    expect(checkProof(historyOf([...faults(fault, 5), trace]))).toEqual([]);
    expect(checkProof(historyOf(faults(fault, 4)))).toEqual([]);
  });

  test("when many calls have met each trouble that the application makes", () => {
    const accepted = Array.from(
      { length: 1_000 },
      (_, number) => ({ kind: "accepted", key: `key-${number}`, id: `call-${number}` }) as const,
    );
    const troubles: Sight[] = [
      { kind: "reply-thrown", id: "call-1", attempt: 1 },
      ...(["refused", "dropped", "hung"] as const).map((answer) => post({ answer })),
      heard(2, 1),
      { kind: "repeated", of: "call-1", id: "call-2", key: null, asked: "client" },
      { kind: "repeated", of: "call-1", id: "call-2", key: "key-1", asked: "client" },
    ];
    expect(checkProof(historyOf([...accepted, ...troubles]))).toEqual([]);
    for (const missing of troubles.keys())
      expect(checkProof(historyOf([...accepted, ...troubles.toSpliced(missing, 1)]))).toMatchObject([{ invariant: "N" }]);
    expect(checkProof(historyOf(accepted.slice(1)))).toEqual([]);
  });
});
