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
import { type CallId, InvalidOption, callIdFrom, isTerminal, wholeNumber } from "@raincheck/protocol";
import { EngineFull, IdempotencyConflict, StaleAttempt, YieldsMissing } from "../engine-errors.ts";
import type { AttemptRef, LossReason, LostAttempt } from "../attempt.ts";
import type { CallRecord, Reader } from "../call-record.ts";
import { parentCancelled } from "../cancellation.ts";
import type { Engine } from "../engine.ts";
import type { NewCall } from "../new-call.ts";
import { type Repeat, repeatKeyOf, repeatableStates } from "../repetition.ts";
import { type Clock, type Moment, systemClock } from "./clock.ts";
import { eventPage } from "./event-page.ts";
import { LivingCalls } from "./living-calls.ts";
import type { MemoryCall } from "./memory-call.ts";

/** Options of {@link memoryEngine}. */
export interface MemoryEngineOptions {
  /** New calls are refused with `EngineFull` while this many are queued; at least 1, or `Infinity`. Default 10,000. */
  readonly maxQueued?: number;
  /** Attempts that may run at once, over all workers; at least 1. Default `Infinity`: as many as the workers claim. */
  readonly concurrency?: number;
  /** The time to live by. Default the process's own. */
  readonly clock?: Clock;
  /** Makes the ids of replies, which are calls of the engine's own. Default random ones. */
  readonly newId?: () => CallId;
}

const cursorPattern = /^\d{1,15}$/;

/**
 * An engine in the memory of this process. Nothing is kept after the process.
 *
 * @throws {InvalidOption} for an option that is not as {@link MemoryEngineOptions} says.
 */
export function memoryEngine(options: MemoryEngineOptions = {}): Engine<null> {
  const { clock = systemClock, newId = () => callIdFrom(crypto.getRandomValues(new Uint8Array(16))) } = options;
  const maxQueued = countOrInfinity(options.maxQueued ?? 10_000, "maxQueued");
  const concurrency = countOrInfinity(options.concurrency ?? Infinity, "concurrency");

  const calls = new LivingCalls(clock, { concurrency, newId });
  const { ledger } = calls;

  function seenCall(id: CallId, reader: Reader): MemoryCall | null {
    const call = ledger.find(id);
    return call?.isSeenBy(reader) === true ? call : null;
  }

  /** The call as a reader sees it: the id of its parent only if that is kept and the reader's own. */
  function recordFor(call: MemoryCall, reader: Reader): CallRecord {
    const parent = call.parentId === null ? undefined : ledger.find(call.parentId);
    return call.toRecord({
      parent: parent !== undefined && parent.given.principal !== null && parent.isSeenBy(reader) ? parent.given.id : null,
      repeats: call.given.principal === null ? null : call.repeats,
    });
  }

  function refuseWhenFull(): void {
    if (calls.queued < maxQueued) return;
    throw new EngineFull(`${maxQueued} calls are queued already; start more workers, raise maxQueued, or try again later.`);
  }

  /** Passes a cancel on, generation by generation. */
  function cancelChildren(cancelled: MemoryCall, now: Moment): void {
    const parents = [cancelled];
    for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
      const open = ledger.childrenOf(parent).filter((child) => !isTerminal(child.folded.state));
      for (const child of open) calls.change(child, now, (one) => one.cancel(parentCancelled, now));
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
      calls.enter("start");
    },

    async stop() {
      calls.stop();
    },

    async accept(given) {
      const now = calls.enter("accept");
      const key = keyOf(given);
      const same = ledger.findSame(given.id, key);
      if (same !== undefined) {
        if (!isSameCall(same.given, given)) throw new IdempotencyConflict(given.path);
        return { id: same.given.id, state: same.folded.state, created: false };
      }
      const starter = given.startedBy === null ? null : heldCall(given.startedBy);
      if (given.startedBy !== null && starter === null) throw new StaleAttempt(given.startedBy, "what it wanted to start was refused");
      refuseWhenFull();
      const call = calls.add(given, { parent: given.detached ? null : starter, repeats: null, tells: null, key }, now);
      return { id: given.id, state: call.folded.state, created: true };
    },

    async claim({ queues, limit, leaseMs, withheld = [], capped }) {
      const now = calls.enter("claim");
      const claimed = [];
      const places = new Map(withheld.map((one) => [one.path, one.places]));
      let cappedPlaces = capped?.places ?? 0;
      while (claimed.length < limit && calls.running < concurrency) {
        const open = cappedPlaces > 0 ? queues : queues.filter((queue) => capped?.queues.includes(queue) !== true);
        const first = ledger.firstRunnable(open, (path) => places.get(path) === 0);
        if (first === undefined) break;
        const { path } = first.given;
        const left = places.get(path);
        if (left === 0) {
          const giveUpAfterMs = withheld.find((one) => one.path === path)?.giveUpAfterMs ?? null;
          calls.change(first, now, (call) => call.setAside(giveUpAfterMs, now));
          continue;
        }
        if (left !== undefined) places.set(path, left - 1);
        if (capped?.queues.includes(first.given.queue) === true) cappedPlaces -= 1;
        claimed.push(calls.change(first, now, (call) => call.claim(leaseMs, now)));
      }
      return claimed;
    },

    async vouch({ queues, knows, giveUpAfterMs }) {
      calls.enter("vouch");
      const paths = new Set(ledger.aside(queues).map((call) => call.given.path));
      for (const path of paths) {
        if (!(await knows(path))) continue;
        const now = calls.enter("vouch");
        for (const call of ledger.aside(queues))
          if (call.given.path === path) calls.change(call, now, (one) => one.vouch(giveUpAfterMs, now));
      }
    },

    async extend(attempts, leaseMs) {
      const now = calls.enter("extend");
      const lost: LostAttempt[] = [];
      for (const attempt of attempts) {
        const call = heldCall(attempt);
        if (call === null) lost.push({ id: attempt.id, attempt: attempt.attempt, reason: lossReason(ledger.find(attempt.id), attempt) });
        else calls.change(call, now, (held) => held.extend(leaseMs, now));
      }
      return lost;
    },

    async report(attempt, progress) {
      const now = calls.enter("report");
      const call = heldCall(attempt);
      if (call === null) return "stale";
      calls.change(call, now, (held) => held.report(progress, now));
      return "settled";
    },

    async append(attempt, yields) {
      const now = calls.enter("append");
      const call = heldCall(attempt);
      if (call === null) return "stale";
      if (yields.after > call.yielded) throw new YieldsMissing(attempt);
      calls.change(call, now, (held) => held.append(yields, now));
      return "settled";
    },

    async settle(attempt, settlement) {
      const now = calls.enter("settle");
      const call = heldCall(attempt);
      if (call === null) return ledger.find(attempt.id)?.hasSettled(attempt, settlement) === true ? "settled" : "stale";
      calls.change(call, now, (held) => held.settle(settlement, now));
      return "settled";
    },

    async commit(attempt, work) {
      calls.enter("commit");
      // Asked before the work as well as after it: what the work writes could not be taken back.
      if (heldCall(attempt) === null) throw new StaleAttempt(attempt);
      const { value, output } = await work(null);
      const now = calls.enter("commit");
      const call = heldCall(attempt);
      if (call === null) throw new StaleAttempt(attempt);
      calls.change(call, now, (held) => held.settle({ type: "succeeded", output }, now));
      return value;
    },

    async transaction(work) {
      calls.enter("transaction");
      return work(null);
    },

    async cancel(id, reader, reason) {
      const now = calls.enter("cancel");
      const call = seenCall(id, reader);
      if (call === null) return null;
      if (isTerminal(call.folded.state)) return { cancelled: false, state: call.folded.state };
      calls.change(call, now, (open) => open.cancel(reason, now));
      cancelChildren(call, now);
      return { cancelled: true, state: "cancelled" };
    },

    async repeat(id, reader, repeat) {
      const now = calls.enter("repeat");
      const call = seenCall(id, reader);
      if (call === null) return null;
      const { path } = call.given;
      const { state } = call.folded;
      if (!repeatableStates(repeat.by).includes(state)) return { repeated: false, state };
      const key = repeatKeyOf(id, repeat.by);
      const same = ledger.findSame(repeat.id, key);
      if (same !== undefined)
        return { repeated: true, id: same.given.id, path, state: same.folded.state, created: same.given.id === repeat.id };
      refuseWhenFull();
      const repeated = calls.add(repeatedCall(call.given, repeat), { parent: null, repeats: id, tells: call.tells, key }, now);
      return { repeated: true, id: repeat.id, path, state: repeated.folded.state, created: true };
    },

    async read(id, reader) {
      calls.enter("read");
      const call = seenCall(id, reader);
      return call === null ? null : recordFor(call, reader);
    },

    async list(reader, { path, state, tells, cursor, limit }) {
      calls.enter("list");
      if (cursor !== null && !cursorPattern.test(cursor)) throw new InvalidOption("cursor", cursor, "the `nextCursor` of a page");
      if (reader.principal === null) return { calls: [], nextCursor: null };
      const below = cursor === null ? Infinity : Number(cursor);
      const matching = ledger
        .ofPrincipal(reader.principal)
        .filter(
          (call) =>
            call.number < below &&
            (path ?? call.given.path) === call.given.path &&
            (state ?? call.folded.state) === call.folded.state &&
            (tells ?? call.tells) === call.tells,
        )
        .reverse();
      const page = matching.slice(0, limit);
      return {
        calls: page.map((call) => ({ ...recordFor(call, reader), output: null })),
        nextCursor: matching.length > page.length ? String(page.at(-1)?.number ?? below) : null,
      };
    },

    async events(id, after, reader) {
      calls.enter("events");
      const call = seenCall(id, reader);
      if (call === null) return null;
      return eventPage(call.events, after);
    },

    subscribe: (id, wake) => calls.wakes.subscribe([id], wake),

    onRunnable: (queues, wake) => calls.queueWakes.subscribe(queues, wake),
  };
}

/** What names a call beside its id. JSON keeps apart what string concatenation would mix up, `null` and `"null"` included. */
function keyOf({ principal, path, idempotencyKey }: NewCall): string | null {
  return idempotencyKey === null ? null : JSON.stringify([principal, path, idempotencyKey]);
}

function repeatedCall(given: NewCall, { by: _by, ...repeat }: Repeat): NewCall {
  const { retentionMs, replyQueues } = given;
  const kept = { retentionMs: repeat.retentionMs ?? retentionMs, replyQueues: repeat.replyQueues ?? replyQueues };
  return { ...given, ...repeat, ...kept, idempotencyKey: null, delayMs: 0, startedBy: null, detached: false };
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
