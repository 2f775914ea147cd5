import type { AttemptRef, CallRecord, NewCall, Settlement, StoredEvent, Yields } from "@raincheck/engine";
import { type CallState, isTerminal } from "@raincheck/protocol";

/** What an event says, without its number and its time. */
export type EventBody = StoredEvent extends infer $Event ? ($Event extends StoredEvent ? Omit<$Event, "seq" | "at"> : never) : never;

/** The attempts that may be lost; the last of them ends the call. */
const crashesToPoison = 3;

/** Where a call stands, and who is told of its end. */
export interface ExpectedPlace {
  readonly number: number;
  readonly parent: ExpectedCall | null;
  readonly nowMs: number;
  readonly onEnd: (call: ExpectedCall, end: EventBody) => void;
}

/** A reply that was taken is kept for so long at most. */
const takenReplyKeptMs = 600_000;

/**
 * What one call must be, by the words of the port and of nothing that implements it: neither the state machine nor the memory engine
 * is asked. Each step names the event that must appear in the log.
 */
export class ExpectedCall {
  /** Of a reply, which the engine makes, the id is empty until somebody has claimed it. */
  given: NewCall;
  /** Its place in the order of acceptance. */
  readonly number: number;
  readonly parent: ExpectedCall | null;
  readonly children: ExpectedCall[] = [];
  readonly deadlineMs: number;
  readonly startByMs: number;
  state: CallState = "queued";
  attempt = 0;
  failures = 0;
  crashes = 0;
  handBacks = 0;
  /** How often the application's writes were done in a commit of it, and how often they should have been. */
  readonly effects = { done: 0, expected: 0 };
  runnableMs: number;
  leaseEndsMs = Infinity;
  /** The attempt after which it was set aside; `null`: never. */
  asideAttempt: number | null = null;
  /** When it fails for want of a worker that has its procedure, if it is aside. */
  giveUpMs = Infinity;
  endedMs = Infinity;
  /** Events that the log must have, and that were not looked up yet. */
  readonly due: EventBody[] = [{ type: "queued" }];
  /** Events of the log, as they were found. */
  readonly log: StoredEvent[] = [];
  /** The latest progress of the attempt that runs, or ran last. */
  #progress: string | null = null;
  /** How many values the latest attempt has appended. */
  #yielded = 0;
  /** What attempts were settled with that have ended. */
  readonly #settlements = new Map<number, string>();

  readonly #onEnd: (call: ExpectedCall, end: EventBody) => void;

  constructor(given: NewCall, place: ExpectedPlace) {
    const { number, parent, nowMs, onEnd } = place;
    this.#onEnd = onEnd;
    this.given = given;
    this.number = number;
    this.parent = parent;
    parent?.children.push(this);
    this.deadlineMs = Math.min(nowMs + (given.deadlineMs ?? Infinity), parent?.deadlineMs ?? Infinity);
    this.startByMs = nowMs + (given.startByMs ?? Infinity);
    this.runnableMs = nowMs + given.delayMs;
  }

  get isOpen(): boolean {
    return !isTerminal(this.state);
  }

  /** The event that ended it, once it was found. */
  get end(): StoredEvent | null {
    return this.isOpen ? null : (this.log.at(-1) ?? null);
  }

  /** Whether it waits for a worker that does not withhold its procedure. */
  get isAside(): boolean {
    return this.state === "queued" && this.asideAttempt === this.attempt;
  }

  isHeldBy({ attempt }: AttemptRef): boolean {
    return this.state === "running" && this.attempt === attempt;
  }

  isSeenBy(principal: string | null): boolean {
    return this.given.principal === null || this.given.principal === principal;
  }

  isKept(nowMs: number): boolean {
    const { path, retentionMs } = this.given;
    const isTaken = path.startsWith("~reply/") && this.state === "succeeded";
    return nowMs < this.endedMs + (isTaken ? Math.min(retentionMs, takenReplyKeptMs) : retentionMs);
  }

  /** Does what time has done by now. `isLate`: its timers did not fire when they were due, so everything happens now. */
  passTime(nowMs: number, isLate: boolean): void {
    while (this.isOpen) {
      const startByMs = this.attempt === 0 ? this.startByMs : Infinity;
      const leaseEndsMs = this.state === "running" ? this.leaseEndsMs : Infinity;
      const dueMs = Math.min(this.deadlineMs, startByMs, leaseEndsMs, this.isAside ? this.giveUpMs : Infinity);
      if (dueMs > nowMs) return;
      const atMs = isLate ? nowMs : dueMs;
      if (this.deadlineMs <= atMs) this.#expire("DEADLINE_PASSED", "The call did not end before its deadline.", atMs);
      else if (startByMs <= atMs) this.#expire("START_BY_PASSED", "No worker began the call in time.", atMs);
      else if (leaseEndsMs <= atMs) this.#lose(atMs);
      else this.#giveUp(atMs);
    }
  }

  claim(leaseMs: number, nowMs: number): void {
    this.state = "running";
    this.attempt += 1;
    this.leaseEndsMs = nowMs + leaseMs;
    this.#progress = null;
    this.#yielded = 0;
    this.due.push({ type: "started", attempt: this.attempt });
  }

  /** A worker without its procedure has come upon it, or one that takes no more of it for now (`null`). */
  setAside(giveUpAfterMs: number | null, nowMs: number): void {
    const isCounted = this.isAside && this.giveUpMs !== Infinity;
    if (giveUpAfterMs === null) this.giveUpMs = Infinity;
    else if (!isCounted) this.giveUpMs = nowMs + giveUpAfterMs;
    this.asideAttempt = this.attempt;
  }

  /** A worker has its procedure, though no slot for it. */
  vouch(giveUpAfterMs: number, nowMs: number): void {
    if (this.giveUpMs !== Infinity) this.giveUpMs = nowMs + giveUpAfterMs;
  }

  /** Whether the ledger has some of these values already. */
  hasOf({ after }: Yields): boolean {
    return after < this.#yielded;
  }

  append({ after, values }: Yields): void {
    for (const [index, value] of values.entries()) {
      if (after + index !== this.#yielded) continue;
      this.#yielded += 1;
      this.due.push({ type: "yielded", attempt: this.attempt, value });
    }
  }

  report(value: string): void {
    if (value === this.#progress) return;
    this.#progress = value;
    this.due.push({ type: "progress", attempt: this.attempt, value });
  }

  settle(settlement: Settlement, nowMs: number): void {
    const { attempt } = this;
    this.#settlements.set(attempt, JSON.stringify(settlement));
    switch (settlement.type) {
      case "succeeded":
        return this.#endAs("succeeded", { type: "succeeded", attempt, output: settlement.output }, nowMs);
      case "failed":
        return this.#endAs("failed", { type: "failed", attempt, failure: settlement.failure }, nowMs);
      case "retrying": {
        const { reason, failure, delayMs } = settlement;
        if (reason === "handed-back") this.handBacks += 1;
        else this.failures += 1;
        return this.#queueAgain({ type: "retrying", attempt, reason, failure, delayMs }, nowMs);
      }
      case "unknown": {
        // The wait is counted from the first worker without the procedure, though it was claimed by another such meanwhile.
        if (this.asideAttempt !== attempt - 1 || this.giveUpMs === Infinity) this.giveUpMs = nowMs + settlement.giveUpAfterMs;
        this.asideAttempt = attempt;
        this.handBacks += 1;
        return this.#queueAgain({ type: "retrying", attempt, reason: "handed-back", failure: null, delayMs: 0 }, nowMs);
      }
      default:
        return settlement satisfies never;
    }
  }

  /** Whether an attempt, which has ended, was settled so. */
  wasSettled({ attempt }: AttemptRef, settlement: Settlement): boolean {
    return this.#settlements.get(attempt) === JSON.stringify(settlement);
  }

  cancel(reason: string | null, nowMs: number): void {
    this.#endAs("cancelled", { type: "cancelled", reason }, nowMs);
  }

  /** What a read must show, as far as it follows from the call's history. */
  record(): Pick<CallRecord, "state" | "seq" | "attempt" | "output" | "failure" | "cancelReason" | "progress"> {
    const end = this.end;
    return {
      state: this.state,
      seq: this.log.length,
      attempt: this.attempt,
      progress: this.#progress,
      output: end?.type === "succeeded" ? end.output : null,
      failure: end?.type === "failed" || end?.type === "expired" ? end.failure : null,
      cancelReason: end?.type === "cancelled" ? end.reason : null,
    };
  }

  #lose(nowMs: number): void {
    this.crashes += 1;
    const { attempt, crashes } = this;
    if (crashes < crashesToPoison) {
      return this.#queueAgain({ type: "retrying", attempt, reason: "lost", failure: null, delayMs: 0 }, nowMs);
    }
    const message = `The worker died, or fell silent, in ${crashes} attempts.`;
    this.#endAs("failed", { type: "failed", attempt, failure: { code: "POISON", message } }, nowMs);
  }

  #giveUp(nowMs: number): void {
    const message = `No worker of the queue ${this.given.queue} has the procedure ${this.given.path}.`;
    this.#endAs("failed", { type: "failed", attempt: this.attempt, failure: { code: "UNKNOWN_PROCEDURE", message } }, nowMs);
  }

  #expire(code: string, message: string, nowMs: number): void {
    this.#endAs("expired", { type: "expired", failure: { code, message } }, nowMs);
  }

  #queueAgain(event: EventBody & { readonly delayMs: number }, nowMs: number): void {
    this.state = "queued";
    this.runnableMs = nowMs + event.delayMs;
    this.due.push(event);
  }

  #endAs(state: CallState, event: EventBody, nowMs: number): void {
    this.state = state;
    this.endedMs = nowMs;
    this.due.push(event);
    this.#onEnd(this, event);
  }
}
