/**
 * The engine that lives in the memory of one process: the readable reference of the port, for unit tests, and the in-process
 * way for work that may be lost with the process.
 *
 * Each verb is one synchronous step, so it is atomic: nothing can come between a check and the act that relies on it. What
 * time changes (delays, leases, limits, retention) is done at the moment it is due by one timer and, should that timer be
 * late, by the next verb before it looks at anything.
 *
 * What it has not: transactions. `commit` and `transaction` hand `null` to the application, and what that writes elsewhere
 * is not rolled back.
 */
import { type CallId, InvalidOption, isTerminal, wholeNumber } from "@raincheck/protocol";
import { EngineFull, EngineStopped, IdempotencyConflict, StaleAttempt } from "../engine-errors.ts";
import { type AttemptRef, type Engine, type LossReason, type LostAttempt, type NewCall, parentCancelled, type Reader } from "../engine.ts";
import { type Clock, type Moment, momentOf, systemClock } from "./clock.ts";
import { MemoryCall } from "./memory-call.ts";
import { MemoryLedger } from "./memory-ledger.ts";
import { Wakes } from "./wakes.ts";

/** Options of {@link memoryEngine}. */
export interface MemoryEngineOptions {
  /** New calls are refused with `EngineFull` while this many are queued; at least 1, or `Infinity`. Default 10,000. */
  readonly maxQueued?: number;
  /** Attempts that may run at once, over all workers; at least 1. Default `Infinity`: as many as the workers claim. */
  readonly concurrency?: number;
  /** The time to live by. Default the process's own. */
  readonly clock?: Clock;
}

/** Events in one page of `events`. */
const eventsPerPage = 1_000;

const cursorPattern = /^\d{1,15}$/;

/**
 * An engine in the memory of this process. Nothing is kept after the process.
 *
 * @throws {InvalidOption} for an option that is not as {@link MemoryEngineOptions} says.
 */
export function memoryEngine(options: MemoryEngineOptions = {}): Engine<null> {
  const { clock = systemClock } = options;
  const maxQueued = countOrInfinity(options.maxQueued ?? 10_000, "maxQueued");
  const concurrency = countOrInfinity(options.concurrency ?? Infinity, "concurrency");

  const ledger = new MemoryLedger();
  const callWakes = new Wakes();
  const queueWakes = new Wakes();
  const count = { queued: 0, running: 0 };
  let accepted = 0;
  let isStopped = false;
  let timer: { readonly dueMs: number; readonly cancel: () => void } | null = null;

  /** Begins a verb: nothing that time has done by now is still to be done. */
  function enter(verb: string): Moment {
    if (isStopped) throw new EngineStopped(verb);
    const now = momentOf(clock);
    passTime(now);
    return now;
  }

  function passTime(now: Moment): void {
    for (let call = ledger.nextDue(now.ms); call !== undefined; call = ledger.nextDue(now.ms)) {
      if (isTerminal(call.folded.state)) remove(call);
      else change(call, now, (due) => due.passTime(now));
    }
    setTimer(now);
  }

  /** The one way to change a call: makes the step, puts the call where it then belongs, and wakes whom it concerns. */
  function change<TResult>(call: MemoryCall, now: Moment, step: (call: MemoryCall) => TResult): TResult {
    const before = call.folded;
    const result = step(call);
    const after = call.folded;
    if (after !== before) callWakes.changed(call.given.id);
    countState(before.state, -1);
    countState(after.state, 1);
    place(call, now);
    if (before.state !== after.state && after.state !== "running" && (concurrency !== Infinity || call.given.concurrency !== null)) {
      wakeRunnableQueues();
    }
    return result;
  }

  function place(call: MemoryCall, now: Moment): void {
    if (ledger.place(call, now.ms)) queueWakes.changed(call.given.queue);
    setTimer(now);
  }

  function remove(call: MemoryCall): void {
    ledger.remove(call);
    callWakes.changed(call.given.id);
  }

  function countState(state: string, by: number): void {
    if (state === "queued" || state === "running") count[state] += by;
  }

  /** A place is free under `concurrency`, or the limit of a path, and a call of any queue may take it. */
  function wakeRunnableQueues(): void {
    for (const queue of ledger.runnableQueues()) queueWakes.changed(queue);
  }

  function setTimer(now: Moment): void {
    const dueMs = ledger.nextDueMs();
    // A timer that has become too early stays: it finds nothing due and is set again, which is cheaper than moving it whenever
    // a lease is extended.
    if (dueMs === Infinity || (timer !== null && timer.dueMs <= dueMs)) return;
    timer?.cancel();
    const cancel = clock.wakeAfter(Math.max(0, dueMs - now.ms), () => {
      timer = null;
      passTime(momentOf(clock));
    });
    timer = { dueMs, cancel };
  }

  function seenCall(id: CallId, reader: Reader): MemoryCall | null {
    const call = ledger.find(id);
    return call?.isSeenBy(reader) === true ? call : null;
  }

  /** The id of the call's parent, if that is kept and the reader's own. */
  function seenParent({ parentId }: MemoryCall, reader: Reader): CallId | null {
    const parent = parentId === null ? undefined : ledger.find(parentId);
    return parent !== undefined && parent.given.principal !== null && parent.isSeenBy(reader) ? parentId : null;
  }

  /** Passes a cancel on, generation by generation. */
  function cancelChildren(cancelled: MemoryCall, now: Moment): void {
    const parents = [cancelled];
    for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
      const open = ledger.childrenOf(parent).filter((child) => !isTerminal(child.folded.state));
      for (const child of open) change(child, now, (one) => one.cancel(parentCancelled, now));
      parents.push(...open);
    }
  }

  /** The call, if the attempt is the one that runs it. */
  function heldCall(attempt: AttemptRef): MemoryCall | null {
    const call = ledger.find(attempt.id);
    return call?.isHeldBy(attempt) === true ? call : null;
  }

  return {
    name: "memory",

    async start() {
      enter("start");
    },

    async stop() {
      if (isStopped) return;
      isStopped = true;
      timer?.cancel();
      timer = null;
      // Whoever follows a call reads again, and learns that there is nothing more to read.
      callWakes.allChanged();
      queueWakes.allChanged();
    },

    async accept(given) {
      const now = enter("accept");
      const same = ledger.findSame(given);
      if (same !== undefined) {
        if (!isSameCall(same.given, given)) throw new IdempotencyConflict(given.path);
        return { id: same.given.id, state: same.folded.state, created: false };
      }
      const starter = given.startedBy === null ? null : heldCall(given.startedBy);
      if (given.startedBy !== null && starter === null) throw new StaleAttempt(given.startedBy, "what it wanted to start was refused");
      if (count.queued >= maxQueued) {
        throw new EngineFull(`${maxQueued} calls are queued already; start more workers, raise maxQueued, or try again later.`);
      }
      const call = new MemoryCall(given, { number: ++accepted, parent: given.detached ? null : starter, now });
      count.queued += 1;
      ledger.add(call);
      callWakes.changed(given.id);
      place(call, now);
      return { id: given.id, state: call.folded.state, created: true };
    },

    async claim({ queues, limit, leaseMs, withheld = [] }) {
      const now = enter("claim");
      const claimed = [];
      const places = new Map(withheld.map((one) => [one.path, one.places]));
      while (claimed.length < limit && count.running < concurrency) {
        const first = ledger.firstRunnable(queues, (path) => places.get(path) === 0);
        if (first === undefined) break;
        const { path } = first.given;
        const left = places.get(path);
        if (left === 0) {
          const giveUpAfterMs = withheld.find((one) => one.path === path)?.giveUpAfterMs ?? null;
          change(first, now, (call) => call.setAside(giveUpAfterMs, now));
          continue;
        }
        if (left !== undefined) places.set(path, left - 1);
        claimed.push(change(first, now, (call) => call.claim(leaseMs, now)));
      }
      return claimed;
    },

    async vouch({ queues, knows, giveUpAfterMs }) {
      enter("vouch");
      const paths = new Set(ledger.aside(queues).map((call) => call.given.path));
      for (const path of paths) {
        if (!(await knows(path))) continue;
        const now = enter("vouch");
        for (const call of ledger.aside(queues)) if (call.given.path === path) change(call, now, (one) => one.vouch(giveUpAfterMs, now));
      }
    },

    async extend(attempts, leaseMs) {
      const now = enter("extend");
      const lost: LostAttempt[] = [];
      for (const attempt of attempts) {
        const call = heldCall(attempt);
        if (call === null) lost.push({ id: attempt.id, attempt: attempt.attempt, reason: lossReason(ledger.find(attempt.id), attempt) });
        else change(call, now, (held) => held.extend(leaseMs, now));
      }
      return lost;
    },

    async report(attempt, progress) {
      const now = enter("report");
      const call = heldCall(attempt);
      if (call === null) return "stale";
      change(call, now, (held) => held.report(progress, now));
      return "settled";
    },

    async settle(attempt, settlement) {
      const now = enter("settle");
      const call = heldCall(attempt);
      if (call === null) return ledger.find(attempt.id)?.hasSettled(attempt, settlement) === true ? "settled" : "stale";
      change(call, now, (held) => held.settle(settlement, now));
      return "settled";
    },

    async commit(attempt, work) {
      enter("commit");
      // Asked before the work as well as after it: what the work writes could not be taken back.
      if (heldCall(attempt) === null) throw new StaleAttempt(attempt);
      const { value, output } = await work(null);
      const now = enter("commit");
      const call = heldCall(attempt);
      if (call === null) throw new StaleAttempt(attempt);
      change(call, now, (held) => held.settle({ type: "succeeded", output }, now));
      return value;
    },

    async transaction(work) {
      enter("transaction");
      return work(null);
    },

    async cancel(id, reader, reason) {
      const now = enter("cancel");
      const call = seenCall(id, reader);
      if (call === null) return null;
      if (isTerminal(call.folded.state)) return { cancelled: false, state: call.folded.state };
      change(call, now, (open) => open.cancel(reason, now));
      cancelChildren(call, now);
      return { cancelled: true, state: "cancelled" };
    },

    async read(id, reader) {
      enter("read");
      const call = seenCall(id, reader);
      return call?.toRecord(seenParent(call, reader)) ?? null;
    },

    async list(reader, { path, state, cursor, limit }) {
      enter("list");
      if (cursor !== null && !cursorPattern.test(cursor)) throw new InvalidOption("cursor", cursor, "the `nextCursor` of a page");
      if (reader.principal === null) return { calls: [], nextCursor: null };
      const below = cursor === null ? Infinity : Number(cursor);
      const matching = ledger
        .ofPrincipal(reader.principal)
        .filter(
          (call) =>
            call.number < below && (path ?? call.given.path) === call.given.path && (state ?? call.folded.state) === call.folded.state,
        )
        .reverse();
      const page = matching.slice(0, limit);
      return {
        calls: page.map((call) => ({ ...call.toRecord(seenParent(call, reader)), output: null })),
        nextCursor: matching.length > page.length ? String(page.at(-1)?.number ?? below) : null,
      };
    },

    async events(id, after, reader) {
      enter("events");
      const call = seenCall(id, reader);
      if (call === null) return null;
      const from = Math.max(0, after);
      return { lastSeq: call.folded.seq, events: call.events.slice(from, from + eventsPerPage) };
    },

    subscribe: (id, wake) => callWakes.subscribe([id], wake),

    onRunnable: (queues, wake) => queueWakes.subscribe(queues, wake),
  };
}

/** Whether an acceptance is a repetition of an earlier one. */
function isSameCall(earlier: NewCall, later: NewCall): boolean {
  return earlier.principal === later.principal && earlier.path === later.path && earlier.input === later.input;
}

/** An attempt is told how its call ended if it was the last one; to an earlier one it is another's. */
function lossReason(call: MemoryCall | undefined, { attempt }: AttemptRef): LossReason {
  if (call?.folded.attempt !== attempt) return "lost";
  const { state } = call.folded;
  return state === "cancelled" || state === "expired" ? state : "lost";
}

function countOrInfinity(value: number, option: string): number {
  return value === Infinity ? value : wholeNumber(value, option, { min: 1, max: Number.MAX_SAFE_INTEGER });
}
