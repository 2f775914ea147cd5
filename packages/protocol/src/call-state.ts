/**
 * The one state machine of a call. Everything that changes a call, in SQL or in memory, makes a step of this machine and
 * appends the event that names it; nothing else does.
 *
 * ```
 *            queued ──▶ [queued] ──started──▶ [running] ──succeeded──▶ (succeeded)
 *                        │    ▲                 │ │ │
 *                        │    └────retrying─────┘ │ ├──failed──▶ (failed)
 *                        │                        │ │
 *                        ├──failed──▶ (failed)    │ ├──expired──▶ (expired)
 *                        ├──expired──▶ (expired)  │ │
 *                        └──cancelled──▶ (cancelled) ◀──────┘      progress, yielded: running ──▶ running
 * ```
 *
 * The states in parentheses are terminal: nothing leaves them. `retrying` is every way back to the queue: a failed or
 * timed-out attempt, a hand-back, a lost lease.
 */
import type { CallEvent, CallEventType } from "./call-event.ts";

/** How a call ended. Never left. */
export type TerminalState = "succeeded" | "failed" | "cancelled" | "expired";

/** Where a call is. */
export type CallState = "queued" | "running" | TerminalState;

/** Every state, in the order in which a call can meet them. */
export const callStates: readonly CallState[] = ["queued", "running", "succeeded", "failed", "cancelled", "expired"];

/** Whether a call in this state has ended. */
export function isTerminal(state: CallState): state is TerminalState {
  return state !== "queued" && state !== "running";
}

/**
 * The state after an event, or `null` where the machine has no such step.
 *
 * @param state `null` before the first event.
 */
export function nextState(state: CallState | null, event: CallEventType): CallState | null {
  switch (event) {
    case "queued":
      return state === null ? "queued" : null;
    case "started":
      return state === "queued" ? "running" : null;
    case "progress":
    case "yielded":
      return state === "running" ? "running" : null;
    case "retrying":
      return state === "running" ? "queued" : null;
    case "succeeded":
      return state === "running" ? "succeeded" : null;
    case "failed":
    case "cancelled":
    case "expired":
      return state === "queued" || state === "running" ? event : null;
    default:
      return event satisfies never;
  }
}

/** What a call's events add up to. */
export interface FoldedCall<TOutput = unknown, TProgress = unknown> {
  readonly state: CallState;
  /** The `seq` of the last event folded in. */
  readonly seq: number;
  /** The number of the latest attempt; 0 before the first. */
  readonly attempt: number;
  /** The latest progress of the latest attempt; `null` when it has told none. */
  readonly progress: TProgress | null;
  /** The event that ended the call; `null` while it is open. */
  readonly end: TerminalEvent<TOutput> | null;
}

/** An event that ends a call. */
export type TerminalEvent<TOutput = unknown> = Extract<CallEvent<TOutput, never>, { type: TerminalState }>;

/** Whether an event ends its call. */
export function isTerminalEvent<TOutput>(event: CallEvent<TOutput, unknown>): event is TerminalEvent<TOutput> {
  return event.type === "succeeded" || event.type === "failed" || event.type === "cancelled" || event.type === "expired";
}

/**
 * Adds one event to what is known of a call.
 *
 * @param call `null` before the first event.
 * @returns the new sum; the same object for an event that was folded in before (`seq` not above `call.seq`).
 * @throws {RangeError} on a gap in `seq` or a step that the machine does not have: the log it came from is corrupt.
 */
export function fold<TOutput, TProgress>(
  call: FoldedCall<TOutput, TProgress> | null,
  event: CallEvent<TOutput, TProgress>,
): FoldedCall<TOutput, TProgress> {
  const seq = call?.seq ?? 0;
  if (call !== null && event.seq <= seq) return call;
  if (event.seq !== seq + 1) throw new RangeError(`A gap in a call's events: ${event.type} is number ${event.seq} after ${seq}.`);
  const state = nextState(call?.state ?? null, event.type);
  if (state === null) throw new RangeError(`No step of the state machine: ${event.type} after ${call?.state ?? "nothing"}.`);
  return {
    state,
    seq: event.seq,
    attempt: event.type === "started" ? event.attempt : (call?.attempt ?? 0),
    progress: event.type === "progress" ? event.value : event.type === "started" ? null : (call?.progress ?? null),
    end: isTerminalEvent(event) ? event : null,
  };
}
