import { type FoldedCall, fold } from "@raincheck/protocol";
import { expect } from "vitest";
import type { CallRecord, StoredEvent } from "../call-record.ts";
import type { Payload } from "../payload.ts";

/**
 * Checks what holds for every call at every time: its events are numbered from 1 without gaps, each is a step of the state
 * machine, and its record says what they add up to.
 */
export function checkCall(record: CallRecord, events: readonly StoredEvent[]): void {
  checkEvents(events);
  const folded = foldAll(events);
  const { end } = folded;
  expect(record).toMatchObject({ state: folded.state, seq: folded.seq, attempt: folded.attempt, progress: folded.progress });
  expect(record.createdAt).toBe(events[0]?.at);
  expect(record.startedAt).toBe(events.find((event) => event.type === "started")?.at ?? null);
  expect(record.endedAt).toBe(end?.at ?? null);
  expect(record.output).toBe(end?.type === "succeeded" ? end.output : null);
  expect(record.failure).toEqual(end?.type === "failed" || end?.type === "expired" ? end.failure : null);
  expect(record.cancelReason).toBe(end?.type === "cancelled" ? end.reason : null);
}

/** The part of {@link checkCall} that needs the events alone. */
export function checkEvents(events: readonly StoredEvent[]): void {
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
  expect(() => foldAll(events)).not.toThrow();
  let attempt = 0;
  for (const event of events) {
    expect(new Date(event.at).toISOString()).toBe(event.at);
    if (event.type === "started") attempt += 1;
    if ("attempt" in event) expect(event.attempt).toBe(attempt);
  }
}

function foldAll(events: readonly StoredEvent[]): FoldedCall<Payload, Payload> {
  const folded = events.reduce<FoldedCall<Payload, Payload> | null>(fold, null);
  if (folded === null) throw new RangeError("A call without events.");
  return folded;
}
