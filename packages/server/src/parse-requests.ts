/** Checks what comes in over the wire to the `calls` procedures. Written by hand: the package brings no validator along. */
import {
  type CallId,
  type CallState,
  type CancelRequest,
  type GetRequest,
  InvalidOption,
  type ListRequest,
  type ReplayRequest,
  type RetryRequest,
  type StartRequest,
  type StartOptions,
  type WaitRequest,
  type WatchRequest,
  callStates,
  isCallId,
  limits,
  wholeNumber,
} from "@raincheck/protocol";

import { checkedKey } from "./start-options.ts";

type Fields = { readonly [key: string]: unknown };

/** Checks the input of `calls.start`. The options are checked where the policy is known. */
export function parseStartRequest(input: unknown): StartRequest {
  const fields = objectOf(input, "input");
  const { options } = fields;
  if (options !== undefined) objectOf(options, "options");
  return {
    path: textOf(fields["path"], "path", { min: 1, max: limits.pathChars }),
    ...("input" in fields ? { input: fields["input"] } : {}),
    ...(options === undefined ? {} : { options: options as StartOptions }),
  };
}

/** Checks the input of `calls.get`. */
export function parseGetRequest(input: unknown): GetRequest {
  return { id: idOf(objectOf(input, "input")["id"], "id") };
}

/** Checks the input of `calls.wait`. */
export function parseWaitRequest(input: unknown): WaitRequest {
  const { id, timeoutMs } = objectOf(input, "input");
  return {
    id: idOf(id, "id"),
    ...(timeoutMs === undefined ? {} : { timeoutMs: wholeNumber(timeoutMs as number, "timeoutMs", { min: 0, max: limits.waitMs }) }),
  };
}

/** Checks the input of `calls.cancel`. */
export function parseCancelRequest(input: unknown): CancelRequest {
  const { id, reason } = objectOf(input, "input");
  return { id: idOf(id, "id"), ...(reason === undefined ? {} : { reason: cancelReason(reason) }) };
}

/** Checks the input of `calls.retry`. */
export function parseRetryRequest(input: unknown): RetryRequest {
  return { id: idOf(objectOf(input, "input")["id"], "id") };
}

/** Checks the input of `calls.replay`. */
export function parseReplayRequest(input: unknown): ReplayRequest {
  const { id, idempotencyKey } = objectOf(input, "input");
  const key = checkedKey(idempotencyKey, "idempotencyKey");
  return { id: idOf(id, "id"), ...(key === null ? {} : { idempotencyKey: key }) };
}

/**
 * Checks the reason of a cancel.
 *
 * @throws {InvalidOption}
 */
export function cancelReason(reason: unknown): string {
  return textOf(reason, "reason", { min: 0, max: limits.cancelReasonChars });
}

/** Checks the input of `calls.list`; no input at all is the first page. */
export function parseListRequest(input: unknown): ListRequest {
  const { path, state, cursor, limit } = input === undefined ? ({} as Fields) : objectOf(input, "input");
  if (state !== undefined && !callStates.includes(state as CallState))
    throw new InvalidOption("state", state, `one of ${callStates.join(", ")}`);
  return {
    ...(path === undefined ? {} : { path: textOf(path, "path", { min: 1, max: limits.pathChars }) }),
    ...(state === undefined ? {} : { state: state as CallState }),
    ...(cursor === undefined ? {} : { cursor: textOf(cursor, "cursor", { min: 1, max: 1_000 }) }),
    ...(limit === undefined ? {} : { limit: wholeNumber(limit as number, "limit", { min: 1, max: limits.listedCalls }) }),
  };
}

/** Checks the input of `calls.watch`. */
export function parseWatchRequest(input: unknown): WatchRequest {
  const { calls, lastEventId } = objectOf(input, "input");
  if (!Array.isArray(calls) || calls.length === 0 || calls.length > limits.watchedCalls) {
    throw new InvalidOption("calls", calls, `an array of 1 to ${limits.watchedCalls} calls, each { id, after? }`);
  }
  const seen = new Set<CallId>();
  const cursors = calls.map((one: unknown, index) => {
    const { id, after } = objectOf(one, `calls[${index}]`);
    const cursor = {
      id: idOf(id, `calls[${index}].id`),
      ...(after === undefined ? {} : { after: cursorOf(after, `calls[${index}].after`) }),
    };
    if (seen.has(cursor.id)) throw new InvalidOption(`calls[${index}].id`, id, "each call once");
    seen.add(cursor.id);
    return cursor;
  });
  // `null` is what some links send for "none yet".
  return { calls: cursors, ...(lastEventId === undefined || lastEventId === null ? {} : { lastEventId: knownEventId(lastEventId, seen) }) };
}

/**
 * Checks the `seq` of the last event that is known.
 *
 * @throws {InvalidOption}
 */
export function cursorOf(after: unknown, name: string): number {
  return wholeNumber(after as number, name, { min: 0, max: Number.MAX_SAFE_INTEGER });
}

/** A tracked id that a watch gave out: `"<call id>:<seq>"`. */
export function parseEventId(eventId: string): { readonly id: CallId; readonly seq: number } | null {
  const [id = "", seq = "", rest] = eventId.split(":", 3);
  if (rest !== undefined || !isCallId(id) || !/^\d{1,16}$/.test(seq) || !Number.isSafeInteger(Number(seq))) return null;
  return { id, seq: Number(seq) };
}

function knownEventId(lastEventId: unknown, watched: ReadonlySet<CallId>): string {
  const parsed = typeof lastEventId === "string" ? parseEventId(lastEventId) : null;
  if (parsed === null || !watched.has(parsed.id))
    throw new InvalidOption("lastEventId", lastEventId, `"<call id>:<seq>" of one of the calls`);
  return lastEventId as string;
}

function objectOf(value: unknown, name: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new InvalidOption(name, value, "an object");
  return value as Fields;
}

function idOf(value: unknown, name: string): CallId {
  if (!isCallId(value)) throw new InvalidOption(name, value, "a call's id");
  return value;
}

function textOf(value: unknown, name: string, range: { readonly min: number; readonly max: number }): string {
  if (typeof value !== "string" || value.length < range.min || value.length > range.max) {
    throw new InvalidOption(name, value, `a string of ${range.min} to ${range.max} characters`);
  }
  if (value.includes("\0") || !value.isWellFormed())
    throw new InvalidOption(name, value, "a string without U+0000 and half surrogate pairs");
  return value;
}
