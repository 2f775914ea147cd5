import { describe, expect, test } from "vitest";
import type { CallRecord, StoredEvent } from "../call-record.ts";
import { checkCall, checkEvents } from "./check-call.ts";

const at = (second: number): string => `2026-01-01T00:00:0${second}.000Z`;

const events: readonly StoredEvent[] = [
  { seq: 1, at: at(1), type: "queued" },
  { seq: 2, at: at(2), type: "started", attempt: 1 },
  { seq: 3, at: at(3), type: "progress", attempt: 1, value: "50" },
  { seq: 4, at: at(4), type: "retrying", attempt: 1, reason: "lost", failure: null, delayMs: 0 },
  { seq: 5, at: at(5), type: "started", attempt: 2 },
  { seq: 6, at: at(6), type: "succeeded", attempt: 2, output: "1" },
];

const record: CallRecord = {
  id: "00000000-0000-4000-8000-000000000000",
  path: "a",
  queue: "default",
  principal: null,
  parent: null,
  repeats: null,
  tells: null,
  state: "succeeded",
  seq: 6,
  attempt: 2,
  progress: null,
  createdAt: at(1),
  startedAt: at(2),
  endedAt: at(6),
  output: "1",
  failure: null,
  cancelReason: null,
};

describe("checkCall", () => {
  test("accepts a record that is what its events add up to", () => {
    expect(() => checkCall(record, events)).not.toThrow();
  });

  test.each<[what: string, wrong: Partial<CallRecord>]>([
    ["state", { state: "running" }],
    ["seq", { seq: 5 }],
    ["attempt", { attempt: 1 }],
    ["progress", { progress: "50" }],
    ["acceptance", { createdAt: at(2) }],
    ["start", { startedAt: at(5) }],
    ["end", { endedAt: null }],
    ["output", { output: null }],
    ["failure", { failure: { code: "E", message: "m" } }],
    ["cancel reason", { cancelReason: "" }],
  ])("rejects a record with another %s", (_, wrong) => {
    expect(() => checkCall({ ...record, ...wrong }, events)).toThrow(expect.objectContaining({ name: "AssertionError" }));
  });
});

describe("checkEvents", () => {
  test.each<[what: string, wrong: readonly StoredEvent[]]>([
    ["no event", []],
    ["a gap", events.toSpliced(2, 1)],
    ["an event told twice", events.toSpliced(2, 0, events[1]!)],
    ["events in another order", [...events.slice(0, 2), events[3]!, events[2]!]],
    ["an event after the end", [...events, { seq: 7, at: at(7), type: "cancelled", reason: null }]],
    ["a start that nobody queued for", events.with(3, { seq: 4, at: at(4), type: "progress", attempt: 1, value: "51" })],
    ["an attempt that repeats its number", events.with(4, { seq: 5, at: at(5), type: "started", attempt: 1 })],
    ["an end of another attempt", events.with(5, { seq: 6, at: at(6), type: "succeeded", attempt: 1, output: "1" })],
    ["a date of another form", events.with(0, { seq: 1, at: "2026-01-01 00:00:01+00", type: "queued" })],
  ])("rejects %s", (_, wrong) => {
    expect(() => checkEvents(events)).not.toThrow();
    expect(() => checkEvents(wrong)).toThrow();
  });
});
