import { type CallEvent, type CallId, type Handle, type TerminalState, isTerminalEvent } from "@raincheck/client";
import type { Done, Yielded } from "../application/work.ts";
import type { ChaosClient } from "./clients.ts";
import type { ProcedureName } from "./scenarios.ts";
import type { Stage } from "./stage.ts";

/** A call of any of the procedures. */
export type ChaosHandle = Handle<Done, unknown, Yielded>;

/** A client's handle of a call. */
export function attach({ defer }: ChaosClient, procedure: ProcedureName, id: CallId): ChaosHandle {
  return defer[procedure].attach(id);
}

/** Follows a call to its end, and resolves with how that was. */
export async function follow({ note, signal }: Stage, handle: ChaosHandle, follower: string): Promise<TerminalState> {
  const { id } = handle;
  let state: TerminalState | null = null;
  for await (const event of handle.events({ signal })) {
    note({ kind: "followed", id, follower, seq: event.seq, type: event.type });
    if (event.type === "yielded") note({ kind: "heard", id, follower, attempt: event.attempt, value: event.value });
    if (!isTerminalEvent(event)) continue;
    note({ kind: "ended", id, follower, state: event.type, value: valueOf(event) });
    state = event.type;
  }
  if (state === null) throw new Error("The events have come to an end before the call has.");
  return state;
}

/** What the end of a call says, as text. */
function valueOf(event: CallEvent<Done>): string {
  if (event.type === "succeeded") return JSON.stringify(event.output);
  if (event.type === "failed" || event.type === "expired") return JSON.stringify(event.failure);
  return "null";
}
