/**
 * The idempotency key of a call that an attempt starts without one of its own.
 *
 * An attempt that was lost or handed back is followed by another that does the same again. It shall find the calls that the first
 * one had started, not start them twice. So their key is made of what they are: the parent, the input (and, as for every key, principal
 * and procedure), and, where one attempt starts several that are alike, their number. An attempt that failed or timed out by itself
 * is another matter: what it had started may be why, so the next one starts anew.
 *
 * What is started in a transaction has no such key. In the attempt's own commit it is there once without one; and an uncommitted row
 * that a frozen process left would keep the next attempt waiting for its key.
 */
import { createHash } from "node:crypto";
import type { Payload } from "@raincheck/engine";

import type { Attempt } from "./attempt.ts";

/** A key that was taken for one start. */
export interface StartKey {
  readonly key: string;
  /** Gives it back: the start failed, and the next that is alike is the same start. */
  release(): void;
}

/** Takes the key of the next call of this kind that the attempt starts. */
export function takeStartKey(starter: Attempt, path: string, input: Payload): StartKey {
  const digest = createHash("sha256").update(input).digest("hex");
  const kind = `${path} ${digest}`;
  const taken = starter.started.get(kind) ?? new Set();
  starter.started.set(kind, taken);
  let place = 0;
  while (taken.has(place)) place += 1;
  taken.add(place);
  return { key: `started by ${starter.id} ${starter.failures} ${digest} ${place}`, release: () => void taken.delete(place) };
}
