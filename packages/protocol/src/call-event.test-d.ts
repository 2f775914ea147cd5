import { describe, expectTypeOf, test } from "vitest";
import type { CallEvent, CallEventType, CallState, Failure, FoldedCall, TerminalEvent, TerminalState } from "./index.ts";
import { fold, isTerminal, isTerminalEvent } from "./index.ts";

interface Report {
  readonly rows: number;
}
type Progress = { readonly done: number };

declare const event: CallEvent<Report, Progress, string>;

describe("CallEvent", () => {
  test("carries the output and the progress of its procedure", () => {
    if (event.type === "succeeded") expectTypeOf(event.output).toEqualTypeOf<Report>();
    if (event.type === "progress") expectTypeOf(event.value).toEqualTypeOf<Progress>();
    if (event.type === "yielded") expectTypeOf(event.value).toEqualTypeOf<string>();
    expectTypeOf(event.seq).toEqualTypeOf<number>();
    expectTypeOf<CallEvent<Report, Progress, string>>().toExtend<CallEvent>();
  });

  test("has what its type says, and no more", () => {
    if (event.type === "retrying") expectTypeOf(event.failure).toEqualTypeOf<Failure | null>();
    if (event.type === "failed") expectTypeOf(event.failure).toEqualTypeOf<Failure>();
    if (event.type === "cancelled") expectTypeOf(event.reason).toEqualTypeOf<string | null>();
    // @ts-expect-error only a success has an output
    void event.output;
    // @ts-expect-error a queued call has no attempt
    if (event.type === "queued") void event.attempt;
    // @ts-expect-error events are facts: nobody changes them
    event.seq = 2;
  });

  test("is told apart completely by its type", () => {
    const name = (one: CallEvent): CallEventType => {
      switch (one.type) {
        case "queued":
        case "started":
        case "progress":
        case "yielded":
        case "retrying":
        case "succeeded":
        case "failed":
        case "cancelled":
        case "expired":
          return one.type;
        default:
          return one satisfies never;
      }
    };
    expectTypeOf(name).returns.toEqualTypeOf<CallEventType>();
  });

  test("has no yielded values of a procedure that does not stream", () => {
    expectTypeOf<CallEvent<Report, Progress, never>["type"]>().toEqualTypeOf<Exclude<CallEventType, "yielded">>();
  });

  test("an output of another procedure does not fit", () => {
    // @ts-expect-error the output is a report
    void ({ type: "succeeded", seq: 3, at: "", attempt: 1, output: "text" } satisfies CallEvent<Report>);
  });
});

describe("the fold of events", () => {
  test("keeps their types", () => {
    const call = fold(null as FoldedCall<Report, Progress> | null, event);
    expectTypeOf(call.progress).toEqualTypeOf<Progress | null>();
    expectTypeOf(call.end).toEqualTypeOf<TerminalEvent<Report> | null>();
    if (call.end?.type === "succeeded") expectTypeOf(call.end.output).toEqualTypeOf<Report>();
  });

  test("the guards narrow", () => {
    if (isTerminalEvent(event)) expectTypeOf(event.type).toEqualTypeOf<TerminalState>();
    const narrow = (state: CallState): void => {
      if (isTerminal(state)) expectTypeOf(state).toEqualTypeOf<TerminalState>();
      else expectTypeOf(state).toEqualTypeOf<"queued" | "running">();
    };
    expectTypeOf(narrow).returns.toBeVoid();
  });
});
