/**
 * The attempts that hold a slot of this worker.
 *
 * An attempt has one end, and whoever comes first gives it: its resolver, its time limit, the lease keeper, the shutdown. So
 * there is no race to lose: what comes later finds the attempt ended and changes nothing. An attempt keeps its slot, and its
 * lease, until what it ended with is settled.
 */
import type { AttemptRef, ClaimedCall } from "@raincheck/engine";
import { type AbortReason, AttemptAborted } from "@raincheck/protocol";
import type { Invoked } from "@raincheck/server";
import * as Deferred from "effect/Deferred";
import type * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Latch from "effect/Latch";
import type { AttemptLabel } from "./worker-log.ts";

/** How an attempt ended, before it is known what that means for the call. */
export type AttemptEnd =
  | { readonly type: "returned"; readonly invoked: Invoked }
  | { readonly type: "threw"; readonly error: unknown }
  | { readonly type: "timed-out" }
  | EndFromOutside;

/** An end that neither the resolver nor its time limit gave. */
export type EndFromOutside =
  | { readonly type: "told"; readonly reason: Exclude<AbortReason, "timed-out"> }
  /** The ledger could not be reached for so long that the lease may have ended; the resolver is told `lost`. */
  | { readonly type: "lease-ran-out" };

/** One attempt, from its claim until it is settled. */
export class RunningAttempt {
  readonly call: ClaimedCall;
  readonly ref: AttemptRef;
  readonly label: AttemptLabel;
  readonly claimedAtMs: number;
  /** When the last request that renewed its lease was sent. */
  leaseFromMs: number;
  /** When the worker last wrote to the call itself: a wake soon after is probably the echo. */
  ownWriteAtMs: number;
  /** `true` once the ledger has the call as succeeded by this attempt while its resolver still runs. */
  hasCommitted = false;
  /** Ends what the heartbeat does for it; `null`: it does nothing. */
  letGo: (() => void) | null = null;
  /** Ends the wakes of its call; `null`: there are none. */
  unwatch: (() => void) | null = null;
  /** How it ends at the latest, and when; `null`: its resolver has not begun. */
  limit: { readonly atMs: number; readonly end: AttemptEnd } | null = null;
  /** Completes when the attempt ends. */
  readonly ended = Deferred.makeUnsafe<AttemptEnd>();
  readonly #abort = new AbortController();
  #isOpen = true;

  /** @param nowMs when the claim was sent: the lease began after that. */
  constructor(call: ClaimedCall, nowMs: number) {
    this.call = call;
    this.ref = { id: call.id, attempt: call.attempt };
    this.label = { id: call.id, path: call.path, attempt: call.attempt };
    this.claimedAtMs = nowMs;
    this.leaseFromMs = nowMs;
    this.ownWriteAtMs = nowMs;
  }

  /** The signal of the resolver. It aborts when the attempt is ended from outside, never because the resolver has finished. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether it has not ended. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Ends the attempt.
   *
   * @returns `false` when it had ended before; then nothing happened.
   */
  end(end: AttemptEnd): boolean {
    if (!this.#isOpen) return false;
    this.#isOpen = false;
    Deferred.doneUnsafe(this.ended, Exit.succeed(end));
    const reason = abortReason(end);
    if (reason !== null) this.#abort.abort(new AttemptAborted(reason));
    return true;
  }
}

function abortReason(end: AttemptEnd): AbortReason | null {
  switch (end.type) {
    case "returned":
    case "threw":
      return null;
    case "timed-out":
      return "timed-out";
    case "told":
      return end.reason;
    case "lease-ran-out":
      return "lost";
    default:
      return end satisfies never;
  }
}

/** See the file's head. */
export class RunningAttempts {
  readonly #attempts = new Set<RunningAttempt>();
  readonly #onSlotFree: () => void;
  readonly #onCount: (count: number) => void;
  readonly #empty = Latch.makeUnsafe(true);

  /**
   * @param options.onSlotFree is called when an attempt has given its slot back.
   * @param options.onCount is called with the number of attempts whenever it changes.
   */
  constructor(options: { readonly onSlotFree: () => void; readonly onCount: (count: number) => void }) {
    this.#onSlotFree = options.onSlotFree;
    this.#onCount = options.onCount;
  }

  get size(): number {
    return this.#attempts.size;
  }

  /** Completes as soon as no attempt holds a slot. */
  get whenEmpty(): Effect.Effect<void> {
    return this.#empty.await;
  }

  all(): readonly RunningAttempt[] {
    return [...this.#attempts];
  }

  /** By its number too: a call that was lost may be claimed again by this same worker while its old resolver runs. Rarely asked, so it looks through all. */
  find({ id, attempt }: AttemptRef): RunningAttempt | undefined {
    for (const one of this.#attempts) if (one.ref.id === id && one.ref.attempt === attempt) return one;
    return undefined;
  }

  add(attempt: RunningAttempt): void {
    this.#attempts.add(attempt);
    this.#empty.closeUnsafe();
    this.#onCount(this.#attempts.size);
  }

  remove(attempt: RunningAttempt): void {
    if (!this.#attempts.delete(attempt)) return;
    this.#onCount(this.#attempts.size);
    this.#onSlotFree();
    if (this.#attempts.size === 0) this.#empty.openUnsafe();
  }
}
