import { type CallEvent, type CallSnapshot, fold } from "@raincheck/protocol";
import { describe, expect, it } from "vitest";
import { endOf, eventsOf } from "./events-of.ts";

const base: CallSnapshot = {
  id: "3f2b8c1e-9d4a-4f6b-8a7c-1e2d3c4b5a69",
  path: "reports.make",
  state: "queued",
  seq: 1,
  attempt: 0,
  progress: null,
  createdAt: "2001-01-01T00:00:00.000Z",
  startedAt: null,
  endedAt: null,
};
const now = "2001-01-02T00:00:00.000Z";
const at = "2001-01-01T00:00:09.000Z";
const brief = (snapshot: Partial<CallSnapshot>, known: { after: number; attempt: number }) =>
  eventsOf({ ...base, ...snapshot }, { ...known, now }).map(({ seq, type }) => `${seq} ${type}`);
const nothing = { after: 0, attempt: 0 };

describe("the events of a snapshot", () => {
  it("are what can be told from it", () => {
    expect(brief({}, nothing)).toEqual(["1 queued"]);
    expect(brief({ state: "running", seq: 2, attempt: 1 }, nothing)).toEqual(["1 queued", "2 started"]);
    expect(brief({ state: "running", seq: 9, attempt: 1, progress: 5 }, nothing)).toEqual(["1 queued", "8 started", "9 progress"]);
    expect(brief({ state: "succeeded", seq: 9, attempt: 2, output: 1 }, nothing)).toEqual(["1 queued", "8 started", "9 succeeded"]);
    expect(brief({ state: "cancelled", seq: 2, attempt: 0 }, nothing)).toEqual(["1 queued", "2 cancelled"]);
  });

  it("leave out what is known", () => {
    expect(brief({}, { after: 1, attempt: 0 })).toEqual([]);
    expect(brief({ state: "running", seq: 3, attempt: 1, progress: 5 }, { after: 2, attempt: 1 })).toEqual(["3 progress"]);
    expect(brief({ state: "running", seq: 6, attempt: 2 }, { after: 2, attempt: 1 })).toEqual(["6 started"]);
    expect(brief({ state: "queued", seq: 6, attempt: 2 }, { after: 5, attempt: 2 })).toEqual([]);
    expect(brief({ state: "failed", seq: 6, attempt: 2 }, { after: 6, attempt: 2 })).toEqual(["6 failed"]);
  });

  it("have numbers that rise, above the cursor and up to the snapshot's, whatever was seen before", () => {
    const log: CallEvent[] = [
      { type: "queued", seq: 1, at },
      { type: "started", seq: 2, at, attempt: 1 },
      { type: "progress", seq: 3, at, attempt: 1, value: 1 },
      { type: "retrying", seq: 4, at, attempt: 1, reason: "lost", failure: null, delayMs: 0 },
      { type: "started", seq: 5, at, attempt: 2 },
      { type: "progress", seq: 6, at, attempt: 2, value: 2 },
      { type: "succeeded", seq: 7, at, attempt: 2, output: 3 },
    ];
    for (let after = 0; after <= log.length; after++) {
      const known = log.slice(0, after);
      const attempt = known.filter(({ type }) => type === "started").length;
      for (let seq = Math.max(1, after); seq <= log.length; seq++) {
        const folded = log.slice(0, seq).reduce<ReturnType<typeof fold> | null>((call, event) => fold(call, event), null)!;
        const snapshot: CallSnapshot = {
          ...base,
          state: folded.state,
          seq,
          attempt: folded.attempt,
          progress: folded.progress,
          startedAt: at,
        };
        const seqs = eventsOf(snapshot, { after, attempt, now }).map((event) => event.seq);
        expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
        if (seq > after) expect(seqs.every((one) => one > after && one <= seq)).toBe(true);
      }
    }
  });

  it("end exactly as the call did", () => {
    const ended = { ...base, seq: 5, attempt: 2, endedAt: at };
    const failure = { code: "NO", message: "no" };
    expect(endOf(base)).toBeNull();
    expect(endOf({ ...ended, state: "succeeded", output: 1 })).toEqual({ type: "succeeded", seq: 5, at, attempt: 2, output: 1 });
    expect(endOf({ ...ended, state: "failed", failure })).toEqual({ type: "failed", seq: 5, at, attempt: 2, failure });
    expect(endOf({ ...ended, state: "expired", failure })).toEqual({ type: "expired", seq: 5, at, failure });
    expect(endOf({ ...ended, state: "cancelled", cancelReason: "why" })).toEqual({ type: "cancelled", seq: 5, at, reason: "why" });
    expect(endOf({ ...ended, state: "failed" })).toMatchObject({ failure: { code: "INTERNAL_SERVER_ERROR" } });
  });
});
