import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CallEvent, CallEventType } from "./call-event.ts";
import { type CallState, type FoldedCall, callStates, fold, isTerminal, isTerminalEvent, nextState } from "./call-state.ts";

const failure = { code: "E", message: "m" };

/** One event of each type, as its own function of number and attempt; that it has every type is the compiler's to check. */
const eventOf: { readonly [TType in CallEventType]: (seq: number, attempt: number) => Extract<CallEvent, { type: TType }> } = {
  queued: (seq) => ({ type: "queued", seq, at }),
  started: (seq, attempt) => ({ type: "started", seq, at, attempt: attempt + 1 }),
  progress: (seq, attempt) => ({ type: "progress", seq, at, attempt, value: { done: seq } }),
  yielded: (seq, attempt) => ({ type: "yielded", seq, at, attempt, value: seq }),
  retrying: (seq, attempt) => ({ type: "retrying", seq, at, attempt, reason: "failed", failure, delayMs: 0 }),
  succeeded: (seq, attempt) => ({ type: "succeeded", seq, at, attempt, output: seq }),
  failed: (seq, attempt) => ({ type: "failed", seq, at, attempt, failure }),
  cancelled: (seq) => ({ type: "cancelled", seq, at, reason: null }),
  expired: (seq) => ({ type: "expired", seq, at, failure }),
};
const at = "2026-01-01T00:00:00.000Z";
const eventTypes = Object.keys(eventOf) as readonly CallEventType[];

/** The drawing at the head of `call-state.ts`, step by step. */
const steps: readonly (readonly [from: CallState | null, event: CallEventType, to: CallState])[] = [
  [null, "queued", "queued"],
  ["queued", "started", "running"],
  ["queued", "failed", "failed"],
  ["queued", "expired", "expired"],
  ["queued", "cancelled", "cancelled"],
  ["running", "progress", "running"],
  ["running", "yielded", "running"],
  ["running", "retrying", "queued"],
  ["running", "succeeded", "succeeded"],
  ["running", "failed", "failed"],
  ["running", "expired", "expired"],
  ["running", "cancelled", "cancelled"],
];

function stepFrom(state: CallState | null, choice: number): (typeof steps)[number] | undefined {
  const possible = steps.filter(([from]) => from === state);
  return possible[choice % possible.length];
}

/** A life that the machine allows, made of arbitrary choices. */
const life = fc.array(fc.nat(), { minLength: 1, maxLength: 40, size: "max" }).map((choices) => {
  const events: CallEvent[] = [];
  let state: CallState | null = null;
  let attempt = 0;
  for (const choice of choices) {
    const step = stepFrom(state, choice);
    if (step === undefined) break;
    events.push(eventOf[step[1]](events.length + 1, attempt));
    if (step[1] === "started") attempt += 1;
    state = step[2];
  }
  return events;
});

const foldAll = (events: readonly CallEvent[], from: FoldedCall | null = null): FoldedCall | null =>
  events.reduce<FoldedCall | null>((call, event) => fold(call, event), from);

describe("nextState", () => {
  test.each([null, ...callStates].flatMap((state) => eventTypes.map((event) => [state, event] as const)))("%s, %s", (state, event) => {
    const step = steps.find(([from, type]) => from === state && type === event);
    expect(nextState(state, event)).toBe(step?.[2] ?? null);
  });

  test("no event leaves a terminal state, and some event leaves each other", () => {
    for (const state of callStates) {
      const leaves = eventTypes.some((event) => nextState(state, event) !== null);
      expect(isTerminal(state), state).toBe(!leaves);
    }
  });

  test("an event is terminal if it leads to a terminal state", () => {
    for (const type of eventTypes) {
      const to = steps.find(([, event]) => event === type)?.[2];
      expect(isTerminalEvent(eventOf[type](1, 1)), type).toBe(to !== undefined && isTerminal(to));
    }
  });
});

describe("fold", () => {
  test("the lives that are tried reach every state", () => {
    const reached = fc.sample(life, { numRuns: 500, seed: 7 }).map((events) => foldAll(events)?.state);
    expect(new Set(reached)).toEqual(new Set(callStates));
  });

  test("any life adds up to its last state, attempt and progress", () => {
    fc.assert(
      fc.property(life, (events) => {
        const call = foldAll(events);
        const started = events.findLastIndex((event) => event.type === "started");
        const told = events.slice(started + 1).findLast((event) => event.type === "progress");
        const last = events.at(-1);
        expect(call).toEqual({
          state: events.reduce<CallState | null>((state, event) => nextState(state, event.type), null),
          seq: events.length,
          attempt: events.filter((event) => event.type === "started").length,
          progress: told?.value ?? null,
          end: last !== undefined && isTerminalEvent(last) ? last : null,
        });
      }),
    );
  });

  test("an event that comes again changes nothing: the call is the same object", () => {
    fc.assert(
      fc.property(life, fc.nat(), (events, choice) => {
        const call = foldAll(events)!;
        expect(fold(call, events[choice % events.length]!)).toBe(call);
      }),
    );
  });

  test("a life told in overlapping pieces adds up to the same", () => {
    fc.assert(
      fc.property(life, fc.nat(), fc.nat(), (events, one, other) => {
        const from = Math.min(one, other) % (events.length + 1);
        const to = Math.max(one, other) % (events.length + 1);
        const [early, late] = [Math.min(from, to), Math.max(from, to)];
        expect(foldAll(events.slice(early), foldAll(events.slice(0, late)))).toEqual(foldAll(events));
      }),
    );
  });

  test("folding does not change what it was given", () => {
    fc.assert(
      fc.property(life, (events) => {
        let call: FoldedCall | null = null;
        for (const event of events) call = Object.freeze(fold(call, Object.freeze(event)));
        expect(call).toEqual(foldAll(events));
      }),
    );
  });

  test("a gap anywhere is refused", () => {
    fc.assert(
      fc.property(
        life.filter((events) => events.length > 1),
        fc.nat(),
        (events, choice) => {
          const missing = choice % (events.length - 1);
          expect(() => foldAll(events.toSpliced(missing, 1))).toThrow(RangeError);
        },
      ),
    );
    expect(() => foldAll([eventOf.queued(1, 0), eventOf.started(3, 0)])).toThrow("A gap in a call's events: started is number 3 after 1.");
  });

  test("any sequence of events is folded as the machine says, or refused", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...eventTypes), { minLength: 1, maxLength: 12 }), (types) => {
        let call: FoldedCall | null = null;
        let attempt = 0;
        for (const [index, type] of types.entries()) {
          const event: CallEvent = eventOf[type](index + 1, attempt);
          const next = nextState(call?.state ?? null, type);
          if (next === null) {
            const before = call;
            expect(() => fold(before, event)).toThrow(`No step of the state machine: ${type} after ${before?.state ?? "nothing"}.`);
            return;
          }
          call = fold(call, event);
          ({ attempt } = call);
          expect(call.state).toBe(next);
        }
      }),
    );
  });
});
