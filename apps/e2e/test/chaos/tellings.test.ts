import { describe, expect, test } from "vitest";
import type { Evidence } from "../../src/chaos/check/evidence.ts";
import {
  event,
  heard,
  post,
  soundEvidence,
  soundRetry,
  soundStream,
  withCall,
  withEvents,
  withHistory,
  yielded,
} from "./evidence-fixture.ts";
import { invariantsBroken } from "./invariants-broken.ts";

const sound = soundEvidence();
const stream = soundStream();
const retry = soundRetry();
const [reply] = sound.replies;
const output = sound.calls[0]!.output!;

/** Each a run that broke one promise of streams, replies, webhooks and repetitions, and which. */
const brokenRuns: Readonly<Record<string, readonly [string, Evidence]>> = {
  "a reply is missing": ["I12", { ...sound, replies: [] }],
  "a reply was written twice": ["I12", { ...sound, replies: [reply!, reply!] }],
  "a reply says another end": ["I12", { ...sound, replies: [{ ...reply!, state: "failed" }] }],
  "a reply says another output": ["I12", { ...sound, replies: [{ ...reply!, value: "1" }] }],
  "a reply came before the end": ["I12", { ...sound, replies: [{ ...reply!, at: 1_000_040 }] }],
  "a reply was written of a call that is open": ["I12", withCall(sound, { state: "running", endedAt: null, output: null })],
  "a reply was written that nobody had asked for": [
    "I12",
    { ...sound, history: withoutPosts(sound).map((entry) => (entry.kind === "submitted" ? { ...entry, told: ["webhook"] } : entry)) },
  ],
  "the retry of a call that was to be replied was not": [
    "I12",
    { ...retry, history: retry.history.map((entry) => (entry.kind === "submitted" ? { ...entry, told: ["reply"] } : entry)) },
  ],
  "what a client replayed was replied": [
    "I12",
    {
      ...retry,
      replies: ["call-1", "call-2"].map((id) => ({ id, state: "failed", value: "{}", at: 1_000_060 })),
      history: retry.history.map((entry) => {
        if (entry.kind === "submitted") return { ...entry, told: ["reply"] };
        return entry.kind === "repeated" ? { ...entry, key: "key-1" } : entry;
      }),
    },
  ],
  "a webhook was not posted": ["I13", { ...sound, history: withoutPosts(sound) }],
  "a webhook was posted and never taken": [
    "I13",
    withHistory({ ...sound, history: withoutPosts(sound) }, [
      post({ value: output, answer: "refused" }),
      post({ value: output, answer: "dropped" }),
      post({ value: output, answer: "hung" }),
    ]),
  ],
  "a webhook had another id": ["I13", withHistory(sound, [post({ id: "call-1b", value: output })])],
  "a webhook says another end": ["I13", withHistory(sound, [post({ state: "cancelled" })])],
  "a webhook was posted before the end": ["I13", withCall(sound, { endedAt: 1_000_100 })],
  "a webhook was not signed": ["I13", withHistory(sound, [{ kind: "post-refused", message: "not signed" }])],
  "a value is missing": ["I14", withEvents(stream, (events) => events.filter(({ seq }) => seq !== 7))],
  "a value was told twice": ["I14", withHistory(stream, [heard(2, 2)])],
  "a value was not told": [
    "I14",
    { ...stream, history: stream.history.filter((entry) => entry.kind !== "heard" || entry.value.place !== 2) },
  ],
  "a value was told under another attempt": ["I14", withHistory(stream, [{ ...heard(2, 2), attempt: 1 }])],
  "an attempt that was over has yielded": [
    "I14",
    withEvents(withCall(stream, { seq: 9 }), (events) => [...events.slice(0, 7), yielded(8, 1, 2), { ...events[7]!, seq: 9 }]),
  ],
  "a dead letter was retried twice": [
    "I15",
    {
      ...retry,
      calls: [...retry.calls, { ...retry.calls[1]!, id: "call-3" }],
      events: new Map([...retry.events, ["call-3", retry.events.get("call-2")!]]),
    },
  ],
  "two who asked for a retry were given two": [
    "I15",
    withHistory(retry, [{ kind: "repeated", of: "call-1", id: "call-3", key: null, asked: "client" }]),
  ],
  "a retry has another input": ["I15", { ...retry, calls: [retry.calls[0]!, { ...retry.calls[1]!, input: "{}" }] }],
  "a call was retried that was no dead letter": ["I15", { ...retry, calls: [{ ...retry.calls[0]!, state: "succeeded" }, retry.calls[1]!] }],
};

function withoutPosts({ history }: Evidence): Evidence["history"] {
  return history.filter(({ kind }) => kind !== "posted");
}

describe("the checker of a chaos run", () => {
  test("finds sound streams and repetitions sound, but for what the last calls must be", () => {
    expect(invariantsBroken(stream)).toEqual(["L3"]);
    expect(invariantsBroken(retry)).toEqual(["L3"]);
  });

  test("takes a reply for given up whose workers died three times, and nothing else", () => {
    const dead = {
      ...sound.calls[0]!,
      id: "reply-1",
      path: "~reply/endings/effect",
      tells: "call-1",
      state: "failed",
      seq: 3,
      attempt: 1,
    } as const;
    const events = new Map([...sound.events, ["reply-1", [event(1, "queued", 0), event(2, "started", 1), event(3, "failed", 1)]]]);
    const lost = { ...sound, replies: [], events, calls: [...sound.calls, { ...dead, crashes: 3, failures: 0 }] };
    expect(invariantsBroken(lost)).toEqual(["L3"]);
    expect(invariantsBroken({ ...lost, calls: [...sound.calls, { ...dead, crashes: 2 }] })).toContain("I12");
    // Of a message to a webhook many more may die.
    expect(invariantsBroken({ ...lost, calls: [...sound.calls, { ...dead, crashes: 4 }] })).toContain("I11");
    const message = { ...dead, path: "~webhook/receiver/effect", crashes: 4 };
    expect(invariantsBroken({ ...lost, replies: sound.replies, calls: [...sound.calls, message] })).not.toContain("I11");
  });

  test.each(Object.entries(brokenRuns))("finds that %s", (_, [invariant, evidence]) => {
    expect(invariantsBroken(evidence)).toContain(invariant);
  });
});
