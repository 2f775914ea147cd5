import type { Reader, RepeatKind } from "@raincheck/engine";
import type { CallId } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";

import type { AcceptedCall } from "./accept-call.ts";
import { callNotFound } from "./access.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import { forCaller } from "./to-trpc-error.ts";

/** A call to make of one that has ended. */
export interface CallToRepeat {
  readonly id: CallId;
  readonly by: RepeatKind;
  readonly reader: Reader;
  /** Where its end is told. Default: where that of the call that it repeats was. */
  readonly replyQueues?: readonly string[];
  /** The path that the call must have; `undefined`: any. */
  readonly path?: string;
}

/**
 * Makes a new call of one that has ended: of its input and its captured context, by the policy that its procedure has now. The procedure's
 * middleware and validation run in the attempt, as they do in each.
 *
 * @throws {TRPCError} `NOT_FOUND` when the call is not the reader's, unknown, of another path, or of a procedure that is no more;
 *   `CONFLICT` when it has not ended, or did not end so that it can be retried; and what the engine cannot do, as `acceptCall`.
 */
export async function repeatCall(core: RaincheckCore, { id, by, reader, replyQueues, path }: CallToRepeat): Promise<AcceptedCall> {
  const { engine } = core;
  const record = await forCaller(() => engine.read(id, reader));
  if (record === null || record.path !== (path ?? record.path)) throw callNotFound();
  const { policy, streams } = (await core.bound().require(record.path)).mark;
  const { queue, priority, concurrency, startByMs, deadlineMs, retentionMs } = policy;
  const given = { id: core.newCallId(), by, queue, priority, concurrency, startByMs, deadlineMs, retentionMs, replyQueues };
  const repetition = await forCaller(() => engine.repeat(id, reader, given));
  if (repetition === null) throw callNotFound();
  if (!repetition.repeated) throw notRepeatable(by, repetition.state);
  const { repeated: _, ...call } = repetition;
  return { call: { ...call, ...(streams && { streams }) }, reader, early: null };
}

/** What a caller is told whose call cannot be repeated so. */
export function notRepeatable({ type }: RepeatKind, state: string): TRPCError {
  const which = type === "retry" ? "Only a call that failed or expired can be retried" : "Only a call that has ended can be replayed";
  const mend = type === "retry" && state !== "queued" && state !== "running" ? " A replay makes a new call of any that has ended." : "";
  return new TRPCError({ code: "CONFLICT", message: `${which}, and this one is ${state}.${mend}` });
}
