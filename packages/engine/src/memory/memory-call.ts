import { type CallId, type FoldedCall, fold, isTerminal, limits } from "@raincheck/protocol";
import type { AttemptRef, Settlement } from "../attempt.ts";
import type { CallRecord, Reader, StoredEvent } from "../call-record.ts";
import type { ClaimedCall } from "../claim-request.ts";
import type { NewCall } from "../new-call.ts";
import type { Payload } from "../payload.ts";
import {
  type StoredReply,
  concurrencyOfReplies,
  placeOfQueue,
  soonForgottenPrefix,
  takenReplyKeptMs,
  webhookCrashes,
  webhookPathPrefix,
} from "../reply.ts";
import type { Yields } from "../yields.ts";
import type { Moment } from "./clock.ts";
import { type EventBody, settlingEvent } from "./settling-event.ts";

/** Where a call comes from. */
export interface CallOrigin {
  readonly parent: MemoryCall | null;
  readonly repeats: CallId | null;
  readonly tells: CallId | null;
  readonly key: string | null;
}

/**
 * One call in memory. Its state is nothing but the fold of its events, so a step that the state machine does not have throws
 * and changes nothing. Times that end in `Ms` are moments of the engine's monotonic clock.
 */
export class MemoryCall {
  readonly given: NewCall;
  /** The order of acceptance: a call's age among the others. */
  readonly number: number;
  /** Of its parent, by name alone: a call must not keep its ancestors in memory. `null`: none. */
  readonly parentId: CallId | null;
  /** What names it beside its id; `null`: nothing. */
  readonly key: string | null;
  /** The call that it repeats; `null`: none. */
  readonly repeats: CallId | null;
  /** The call whose end it tells; `null`: it is no reply. */
  readonly tells: CallId | null;
  readonly events: StoredEvent[] = [];
  readonly #acceptedMs: number;
  readonly #deadlineMs: number;
  #folded: FoldedCall<Payload, Payload> | null = null;
  /** Attempts that failed or timed out. */
  #failures = 0;
  /** Attempts whose lease ended. */
  #crashes = 0;
  #runnableMs: number;
  /** The attempt after which it was set aside; `null`: never. */
  #asideAttempt: number | null = null;
  /** When it fails, if it is aside, because no worker had its procedure. */
  #giveUpMs = Infinity;
  #leaseEndsMs = 0;
  #yielded = 0;
  #endedMs = 0;

  constructor(
    given: NewCall,
    { number, parent, repeats, tells, key, now }: CallOrigin & { readonly number: number; readonly now: Moment },
  ) {
    this.given = { ...given };
    this.number = number;
    this.parentId = parent?.given.id ?? null;
    this.key = key;
    this.repeats = repeats;
    this.tells = tells;
    this.#acceptedMs = now.ms;
    const ownMs = given.deadlineMs === null ? Infinity : now.ms + given.deadlineMs;
    this.#deadlineMs = parent === null ? ownMs : Math.min(ownMs, parent.#deadlineMs);
    this.#runnableMs = now.ms + given.delayMs;
    this.#append({ type: "queued" }, now);
  }

  get folded(): FoldedCall<Payload, Payload> {
    if (this.#folded === null) throw new Error("A call has its first event from its construction.");
    return this.#folded;
  }

  /** Whether it may be claimed at a moment. */
  isRunnable(nowMs: number): boolean {
    return this.folded.state === "queued" && this.#runnableMs <= nowMs;
  }

  /** Whether it waits for a worker that does not withhold its procedure. */
  get isAside(): boolean {
    return this.folded.state === "queued" && this.#asideAttempt === this.folded.attempt;
  }

  /** Sets it aside; see `Withheld`. */
  setAside(giveUpAfterMs: number | null, now: Moment): void {
    const isWaiting = this.isAside && this.#giveUpMs !== Infinity;
    if (giveUpAfterMs === null) this.#giveUpMs = Infinity;
    else if (!isWaiting) this.#giveUpMs = now.ms + giveUpAfterMs;
    this.#asideAttempt = this.folded.attempt;
  }

  /** A worker has its procedure: the wait for one begins again. */
  vouch(giveUpAfterMs: number, now: Moment): void {
    if (this.#giveUpMs !== Infinity) this.#giveUpMs = now.ms + giveUpAfterMs;
  }

  /** Whether it runs, and this is the attempt that does. */
  isHeldBy(attempt: AttemptRef): boolean {
    return this.folded.state === "running" && this.folded.attempt === attempt.attempt;
  }

  /** Whether a reader may see it. */
  isSeenBy(reader: Reader): boolean {
    return this.given.principal === null || this.given.principal === reader.principal;
  }

  /** The next moment at which time alone changes it. */
  dueMs(nowMs: number): number {
    const { state } = this.folded;
    if (isTerminal(state)) return this.#endedMs + this.#keptMs();
    const expiresMs = Math.min(this.#deadlineMs, this.#startByMs());
    if (state === "running") return Math.min(expiresMs, this.#leaseEndsMs);
    if (this.isAside) return Math.min(expiresMs, this.#giveUpMs);
    return this.#runnableMs > nowMs ? Math.min(expiresMs, this.#runnableMs) : expiresMs;
  }

  /** Makes the step that time demands, if it demands one. Whether the call is retained too long is for the engine to see. */
  passTime(now: Moment): void {
    const { state, attempt } = this.folded;
    if (isTerminal(state)) return;
    if (this.#deadlineMs <= now.ms) this.#expire("DEADLINE_PASSED", "The call did not end before its deadline.", now);
    else if (this.#startByMs() <= now.ms) this.#expire("START_BY_PASSED", "No worker began the call in time.", now);
    else if (state === "running" && this.#leaseEndsMs <= now.ms) this.#lose(attempt, now);
    else if (this.isAside && this.#giveUpMs <= now.ms) this.#giveUp(now);
  }

  /** Begins the next attempt. */
  claim(leaseMs: number, now: Moment): ClaimedCall {
    const attempt = this.folded.attempt + 1;
    this.#append({ type: "started", attempt }, now);
    this.#yielded = 0;
    this.#leaseEndsMs = now.ms + leaseMs;
    const { id, path, queue, principal, input, context } = this.given;
    const deadlineInMs = this.#deadlineMs === Infinity ? null : Math.max(0, Math.floor(this.#deadlineMs - now.ms));
    return { id, attempt, path, queue, principal, input, context, failures: this.#failures, createdAt: this.events[0]!.at, deadlineInMs };
  }

  /** Lets the lease end later. */
  extend(leaseMs: number, now: Moment): void {
    this.#leaseEndsMs = now.ms + leaseMs;
  }

  /** Writes the running attempt's progress, if it is news. */
  report(progress: Payload, now: Moment): void {
    if (this.folded.progress === progress) return;
    this.#append({ type: "progress", attempt: this.folded.attempt, value: progress }, now);
  }

  /** How many values the latest attempt has appended. */
  get yielded(): number {
    return this.#yielded;
  }

  /** Appends those of the running attempt's values that are not there yet. */
  append({ after, values }: Yields, now: Moment): void {
    for (const value of values.slice(this.#yielded - after)) {
      this.#append({ type: "yielded", attempt: this.folded.attempt, value }, now);
      this.#yielded += 1;
    }
  }

  /** Ends the running attempt. */
  settle(settlement: Settlement, now: Moment): void {
    const { attempt } = this.folded;
    this.#append(settlingEvent(attempt, settlement), now);
    if (settlement.type === "unknown") {
      // Counted from the first worker without the procedure, also when it was claimed by another such meanwhile.
      if (this.#asideAttempt !== attempt - 1 || this.#giveUpMs === Infinity) this.#giveUpMs = now.ms + settlement.giveUpAfterMs;
      this.#asideAttempt = attempt;
      this.#runnableMs = now.ms;
    } else if (settlement.type === "retrying") {
      if (settlement.reason !== "handed-back") this.#failures += 1;
      this.#runnableMs = now.ms + settlement.delayMs;
    } else {
      this.#endedMs = now.ms;
    }
  }

  /** Whether this is how the attempt, which has ended, was settled: the events remember. */
  hasSettled(attempt: AttemptRef, settlement: Settlement): boolean {
    const text = JSON.stringify(settlingEvent(attempt.attempt, settlement));
    return this.events.some(({ seq: _seq, at: _at, ...body }) => JSON.stringify(body) === text);
  }

  /** Ends the open call as cancelled. */
  cancel(reason: string | null, now: Moment): void {
    this.#append({ type: "cancelled", reason }, now);
    this.#endedMs = now.ms;
  }

  /**
   * The call as the ledger shows it.
   *
   * @param seen the ids of its parent and of the call that it repeats, if they are to be seen.
   */
  toRecord({ parent, repeats }: Pick<CallRecord, "parent" | "repeats">): CallRecord {
    const { id, path, queue, principal } = this.given;
    const { state, seq, attempt, progress, end } = this.folded;
    return {
      id,
      path,
      queue,
      principal,
      parent,
      repeats,
      tells: this.tells,
      state,
      seq,
      attempt,
      progress,
      createdAt: this.events[0]!.at,
      startedAt: this.events.find((event) => event.type === "started")?.at ?? null,
      endedAt: end?.at ?? null,
      output: end?.type === "succeeded" ? end.output : null,
      failure: end?.type === "failed" || end?.type === "expired" ? end.failure : null,
      cancelReason: end?.type === "cancelled" ? end.reason : null,
    };
  }

  #keptMs(): number {
    const { retentionMs, path } = this.given;
    return this.folded.state === "succeeded" && path.startsWith(soonForgottenPrefix)
      ? Math.min(retentionMs, takenReplyKeptMs)
      : retentionMs;
  }

  /** Only the first attempt has to start by a time. */
  #startByMs(): number {
    return this.given.startByMs === null || this.folded.attempt > 0 ? Infinity : this.#acceptedMs + this.given.startByMs;
  }

  /** The call that tells of its end in a reply queue; `null`: it has not ended. */
  toReply(id: CallId, queue: string): NewCall | null {
    const { path, principal, priority, retentionMs } = this.given;
    const { state, attempt, end } = this.folded;
    if (end === null || !isTerminal(state)) return null;
    const { output, failure, cancelReason } = this.toRecord({ parent: null, repeats: null });
    const place = placeOfQueue(queue);
    const told: StoredReply = {
      id: this.given.id,
      path,
      principal,
      repeats: this.repeats,
      state,
      attempt,
      endedAt: end.at,
      output,
      failure,
      cancelReason,
    };
    return {
      id,
      path: `${place.pathPrefix}${path}`,
      queue: place.queue,
      principal: place.principal,
      input: JSON.stringify(told),
      context: "null",
      idempotencyKey: null,
      priority,
      concurrency: concurrencyOfReplies(queue),
      delayMs: 0,
      startByMs: null,
      deadlineMs: null,
      retentionMs,
      startedBy: null,
      detached: false,
      replyQueues: [],
    };
  }

  #expire(code: string, message: string, now: Moment): void {
    this.#append({ type: "expired", failure: { code, message } }, now);
    this.#endedMs = now.ms;
  }

  #giveUp(now: Moment): void {
    const { path, queue } = this.given;
    const message = `No worker of the queue ${queue} has the procedure ${path}.`;
    this.#append({ type: "failed", attempt: this.folded.attempt, failure: { code: "UNKNOWN_PROCEDURE", message } }, now);
    this.#endedMs = now.ms;
  }

  #lose(attempt: number, now: Moment): void {
    this.#crashes += 1;
    const most = this.given.path.startsWith(webhookPathPrefix) ? webhookCrashes : limits.crashes;
    if (this.#crashes < most) {
      this.#append({ type: "retrying", attempt, reason: "lost", failure: null, delayMs: 0 }, now);
      this.#runnableMs = now.ms;
    } else {
      const message = `The worker died, or fell silent, in ${this.#crashes} attempts.`;
      this.#append({ type: "failed", attempt, failure: { code: "POISON", message } }, now);
      this.#endedMs = now.ms;
    }
  }

  #append(body: EventBody, now: Moment): void {
    const event: StoredEvent = { ...body, seq: (this.#folded?.seq ?? 0) + 1, at: now.at };
    this.#folded = fold(this.#folded, event);
    this.events.push(event);
  }
}
