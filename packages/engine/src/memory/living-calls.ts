import { type CallId, isTerminal } from "@raincheck/protocol";
import { EngineStopped } from "../engine-errors.ts";
import type { NewCall } from "../new-call.ts";
import { type Clock, type Moment, momentOf } from "./clock.ts";
import { type CallOrigin, MemoryCall } from "./memory-call.ts";
import { MemoryLedger } from "./memory-ledger.ts";
import { Wakes } from "./wakes.ts";

/**
 * The calls of one memory engine while time goes by: each change of one, by a verb or by time, is made here, so that the call then stands
 * where it belongs in the ledger and those whom it concerns are woken.
 */
export class LivingCalls {
  readonly ledger = new MemoryLedger();
  /** For those who follow calls. */
  readonly wakes = new Wakes();
  /** For those who claim of queues. */
  readonly queueWakes = new Wakes();
  readonly #clock: Clock;
  readonly #concurrency: number;
  readonly #newId: () => CallId;
  readonly #count = { queued: 0, running: 0 };
  #added = 0;
  #isStopped = false;
  #timer: { readonly dueMs: number; readonly cancel: () => void } | null = null;

  /**
   * @param options.concurrency attempts at once, at most: who waits for one to end is to be woken.
   * @param options.newId makes the ids of replies.
   */
  constructor(clock: Clock, { concurrency, newId }: { readonly concurrency: number; readonly newId: () => CallId }) {
    this.#clock = clock;
    this.#concurrency = concurrency;
    this.#newId = newId;
  }

  /** How many are queued. */
  get queued(): number {
    return this.#count.queued;
  }

  /** How many run. */
  get running(): number {
    return this.#count.running;
  }

  /** Begins a verb: nothing that time has done by now is still to be done. */
  enter(verb: string): Moment {
    if (this.#isStopped) throw new EngineStopped(verb);
    const now = momentOf(this.#clock);
    this.#passTime(now);
    return now;
  }

  /** Adds a new call. */
  add(given: NewCall, origin: CallOrigin, now: Moment): MemoryCall {
    const call = new MemoryCall(given, { ...origin, number: ++this.#added, now });
    this.#count.queued += 1;
    this.ledger.add(call);
    this.wakes.changed(given.id, "open");
    this.#place(call, now);
    return call;
  }

  /** The one way to change a call: makes the step, puts the call where it then belongs, and wakes whom it concerns. */
  change<TResult>(call: MemoryCall, now: Moment, step: (call: MemoryCall) => TResult): TResult {
    const before = call.folded;
    const result = step(call);
    const after = call.folded;
    if (after !== before) this.wakes.changed(call.given.id, isTerminal(after.state) ? "unknown" : "open");
    this.#countState(before.state, -1);
    this.#countState(after.state, 1);
    this.#place(call, now);
    if (!isTerminal(before.state)) this.#reply(call, now);
    // A place is free under `concurrency`, or the limit of a path, and a call of any queue may take it.
    if (before.state !== after.state && after.state !== "running" && (this.#concurrency !== Infinity || call.given.concurrency !== null)) {
      for (const queue of this.ledger.runnableQueues()) this.queueWakes.changed(queue);
    }
    return result;
  }

  /** Ends all: verbs reject from now on, and whoever follows a call reads again, and learns that there is nothing more to read. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.wakes.allChanged();
    this.queueWakes.allChanged();
  }

  #reply(call: MemoryCall, now: Moment): void {
    for (const queue of call.given.replyQueues) {
      const reply = call.toReply(this.#newId(), queue);
      if (reply !== null) this.add(reply, { parent: null, repeats: null, tells: call.given.id, key: null }, now);
    }
  }

  #passTime(now: Moment): void {
    for (let call = this.ledger.nextDue(now.ms); call !== undefined; call = this.ledger.nextDue(now.ms)) {
      if (isTerminal(call.folded.state)) this.#remove(call);
      else this.change(call, now, (due) => due.passTime(now));
    }
    this.#setTimer(now);
  }

  #place(call: MemoryCall, now: Moment): void {
    if (this.ledger.place(call, now.ms)) this.queueWakes.changed(call.given.queue);
    this.#setTimer(now);
  }

  #remove(call: MemoryCall): void {
    this.ledger.remove(call);
    this.wakes.changed(call.given.id);
  }

  #countState(state: string, by: number): void {
    if (state === "queued" || state === "running") this.#count[state] += by;
  }

  #setTimer(now: Moment): void {
    const dueMs = this.ledger.nextDueMs();
    // A timer that has become too early stays: it finds nothing due and is set again, which is cheaper than moving it whenever
    // a lease is extended.
    if (dueMs === Infinity || (this.#timer !== null && this.#timer.dueMs <= dueMs)) return;
    this.#timer?.cancel();
    const cancel = this.#clock.wakeAfter(Math.max(0, dueMs - now.ms), () => {
      this.#timer = null;
      this.#passTime(momentOf(this.#clock));
    });
    this.#timer = { dueMs, cancel };
  }
}
