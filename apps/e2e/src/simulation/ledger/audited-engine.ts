/**
 * The real memory engine, with somebody who looks over its shoulder: each verb's answer, and each event that it leaves, must be what the
 * expected ledger says. The faulty link is on the other side of this, so what is checked here is what the engine did, whoever heard of it.
 */
import {
  type Acceptance,
  type AttemptRef,
  type CallRecord,
  type Cancellation,
  type ClaimRequest,
  type ClaimedCall,
  type Engine,
  type EventPage,
  type LostAttempt,
  type NewCall,
  type Repeat,
  type Repetition,
  type SettleResult,
  type Settlement,
  type Yields,
  parentCancelled,
} from "@raincheck/engine";
import { hasTag } from "@raincheck/protocol";
import { BrokenPromise, promised } from "../broken-promise.ts";
import type { Tally } from "../tally.ts";
import type { VirtualClock } from "../virtual-clock.ts";
import type { ExpectedCall } from "./expected-call.ts";
import type { ExpectedLedger } from "./expected-ledger.ts";
import { type AuditParts, LogAudit } from "./log-audit.ts";
import { same } from "./same.ts";

/** See the file's head. A verb rejects with a `BrokenPromise`, or with what the engine was right to refuse with. */
export class AuditedEngine {
  readonly #engine: Engine;
  readonly #expected: ExpectedLedger;
  readonly #clock: VirtualClock;
  readonly #tally: Tally;
  readonly #logs: LogAudit;

  constructor(parts: AuditParts) {
    const { engine, expected, clock, tally } = parts;
    this.#engine = engine;
    this.#expected = expected;
    this.#clock = clock;
    this.#tally = tally;
    this.#logs = new LogAudit(parts);
  }

  async accept(given: NewCall): Promise<Acceptance> {
    const expected = this.#expected.accept(given, this.#clock.nowMs);
    if (expected.type === "refused") {
      if (expected.tag === "IdempotencyConflict") this.#tally.keyConflict += 1;
      if (expected.tag === "StaleAttempt") this.#tally.fencedChild += 1;
      if (expected.tag === "EngineFull") this.#tally.engineFull += 1;
      return this.#refused(this.#engine.accept(given), "I10", expected.tag);
    }
    const { call, acceptance } = expected;
    const answer = await this.#answered(this.#engine.accept(given), "I10");
    if (acceptance.created) this.#tally.accepted += 1;
    else this.#tally.sameCallAgain += 1;
    same(answer, acceptance, { invariant: "I10", subject: `the acceptance of ${given.id}` });
    await this.#logs.audit([call]);
    return answer;
  }

  async claim(request: ClaimRequest): Promise<readonly ClaimedCall[]> {
    const nowMs = this.#clock.nowMs;
    const expected = this.#expected.claim(request, nowMs);
    const claimed = await this.#answered(this.#engine.claim(request), "I4");
    same(
      claimed.map(({ id, attempt, failures, input, deadlineInMs }) => [id, attempt, failures, input, deadlineInMs]),
      expected.map((call) => [call.given.id, call.attempt, call.failures, call.given.input, deadlineIn(call, nowMs)]),
      { invariant: "I4", subject: "a claim" },
    );
    await this.#logs.audit(expected);
    return claimed;
  }

  /** As {@link AuditedEngine.claim}, of queues that hold replies alone. */
  async claimReplies(request: ClaimRequest): Promise<readonly ClaimedCall[]> {
    const claimed = await this.#answered(this.#engine.claim(request), "I4");
    this.#tally.repliesClaimed += claimed.length;
    await this.#logs.audit(this.#expected.claimReplies(request, claimed, this.#clock.nowMs));
    return claimed;
  }

  async vouch(queues: readonly string[], paths: readonly string[], giveUpAfterMs: number): Promise<void> {
    for (const call of this.#expected.open) {
      if (!call.isAside || !queues.includes(call.given.queue) || !paths.includes(call.given.path)) continue;
      call.vouch(giveUpAfterMs, this.#clock.nowMs);
      this.#tally.vouchedFor += 1;
    }
    await this.#answered(this.#engine.vouch({ queues, knows: async (path) => paths.includes(path), giveUpAfterMs }), "I4");
  }

  async extend(attempts: readonly AttemptRef[], leaseMs: number): Promise<readonly LostAttempt[]> {
    const nowMs = this.#clock.nowMs;
    const expected = attempts.flatMap(({ id, attempt }): LostAttempt[] => {
      const call = this.#expected.find(id, nowMs);
      if (call?.isHeldBy({ id, attempt }) !== true) return [{ id, attempt, reason: lossOf(call, attempt) }];
      call.leaseEndsMs = nowMs + leaseMs;
      return [];
    });
    const lost = await this.#answered(this.#engine.extend(attempts, leaseMs), "I4");
    this.#tally.leaseRefused += expected.length;
    same(lost, expected, { invariant: "I4", subject: "the leases that were lost" });
    return lost;
  }

  async report(attempt: AttemptRef, progress: string): Promise<SettleResult> {
    const call = this.#held(attempt);
    call?.report(progress);
    if (call === null) this.#tally.fencedReport += 1;
    const result = await this.#answered(this.#engine.report(attempt, progress), "I4");
    same(result, call === null ? "stale" : "settled", { invariant: "I4", subject: `a report of ${nameOf(attempt)}` });
    await this.#logs.audit(this.#found(attempt.id));
    return result;
  }

  async append(attempt: AttemptRef, yields: Yields): Promise<SettleResult> {
    const call = this.#held(attempt);
    if (call === null) this.#tally.fencedAppend += 1;
    else if (call.hasOf(yields)) this.#tally.appendRepeated += 1;
    call?.append(yields);
    const result = await this.#answered(this.#engine.append(attempt, yields), "I4");
    same(result, call === null ? "stale" : "settled", { invariant: "I4", subject: `what ${nameOf(attempt)} yields` });
    await this.#logs.audit(this.#found(attempt.id));
    return result;
  }

  async settle(attempt: AttemptRef, settlement: Settlement): Promise<SettleResult> {
    const nowMs = this.#clock.nowMs;
    const held = this.#held(attempt);
    const wasSettled = this.#expected.find(attempt.id, nowMs)?.wasSettled(attempt, settlement) === true;
    held?.settle(settlement, nowMs);
    // One that was aside before may have waited long enough already: whoever looks at it next gives it up.
    held?.passTime(nowMs, true);
    if (held === null && wasSettled) this.#tally.settleRepeated += 1;
    else if (held === null) this.#tally.fencedSettle += 1;
    const result = await this.#answered(this.#engine.settle(attempt, settlement), "I4");
    const expected = held !== null || wasSettled ? "settled" : "stale";
    same(result, expected, { invariant: "I4", subject: `the settle of ${nameOf(attempt)} as ${settlement.type}` });
    await this.#logs.audit(this.#found(attempt.id));
    return result;
  }

  async commit(attempt: AttemptRef, output: string): Promise<void> {
    const held = this.#held(attempt);
    const counted = this.#expected.find(attempt.id, this.#clock.nowMs);
    const act = this.#engine.commit(attempt, async () => {
      if (counted !== undefined) counted.effects.done += 1;
      return { value: undefined, output };
    });
    if (held === null) {
      this.#tally.fencedCommit += 1;
      return this.#refused(act, "I4", "StaleAttempt");
    }
    await this.#answered(act, "I4");
    held.effects.expected += 1;
    held.settle({ type: "succeeded", output }, this.#clock.nowMs);
    await this.#logs.audit([held]);
  }

  async cancel(id: string, principal: string | null, reason: string): Promise<Cancellation | null> {
    const nowMs = this.#clock.nowMs;
    const call = this.#expected.find(id, nowMs);
    const seen = call?.isSeenBy(principal) === true ? call : null;
    const ended = seen?.isOpen === true ? this.#expected.cancel(seen, { own: reason, children: parentCancelled }, nowMs) : [];
    if (seen === null) this.#tally.strangerRefused += 1;
    else if (ended.length === 0) this.#tally.cancelTooLate += 1;
    else this.#tally.cancelledWithParent += ended.length - 1;
    const answer = await this.#answered(this.#engine.cancel(id, { principal }, reason), "I7");
    same(answer, seen === null ? null : { cancelled: ended.length > 0, state: seen.state }, {
      invariant: "I7",
      subject: `the cancel of ${id}`,
    });
    await this.#logs.audit(ended);
    return answer;
  }

  async repeat(id: string, principal: string | null, given: Repeat): Promise<Repetition | null> {
    const expected = this.#expected.repeat({ id, principal, given }, this.#clock.nowMs);
    const act = this.#engine.repeat(id, { principal }, given);
    if (expected.type === "refused") {
      this.#tally.engineFull += 1;
      return this.#refused(act, "I10", expected.tag);
    }
    const { call, repetition } = expected;
    if (repetition === null) this.#tally.strangerRefused += 1;
    else if (!repetition.repeated) this.#tally.repeatRefused += 1;
    else if (!repetition.created) this.#tally.repeatFound += 1;
    else this.#tally[given.by.type === "retry" ? "retried" : "replayed"] += 1;
    const answer = await this.#answered(act, "I10");
    same(answer, repetition, { invariant: "I10", subject: `the ${given.by.type} of ${id}` });
    // What it repeats has ended, and is what it was.
    await this.#logs.audit([...this.#found(id), ...(call === null ? [] : [call])]);
    return answer;
  }

  async read(id: string, principal: string | null): Promise<CallRecord | null> {
    const call = this.#expected.find(id, this.#clock.nowMs);
    const record = await this.#answered(this.#engine.read(id, { principal }), "I6");
    const shown = call?.isSeenBy(principal) === true ? call.record() : null;
    if (record === null || shown === null) same(record, shown, { invariant: "I9", subject: `a read of ${id}` });
    else {
      const { state, seq, attempt, progress, output, failure, cancelReason } = record;
      same({ state, seq, attempt, progress, output, failure, cancelReason }, shown, { invariant: "I6", subject: `a read of ${id}` });
    }
    return record;
  }

  async events(id: string, after: number, principal: string | null): Promise<EventPage | null> {
    const call = this.#expected.find(id, this.#clock.nowMs);
    const page = await this.#answered(this.#engine.events(id, after, { principal }), "I5");
    if (call?.isSeenBy(principal) !== true) {
      if (call !== undefined) this.#tally.strangerRefused += 1;
      promised(page === null, "I9", () => `the events of ${id} were shown to ${principal}`);
      return null;
    }
    promised(page !== null, "I1", () => `${id} is gone`);
    same(page.lastSeq, call.log.length, { invariant: "I5", subject: `the last event of ${id}` });
    same(page.events, call.log.slice(after), { invariant: "I5", subject: `the events of ${id} behind ${after}` });
    return page;
  }

  /** See `Engine.subscribe`. Whoever is subscribed is owed a wake at each change. */
  subscribe(id: string, wake: () => void): () => void {
    return this.#logs.wakes.subscribe(id, wake);
  }

  /** The time has moved. `isLate`: no timer has fired since. */
  async timeMoved(isLate: boolean): Promise<void> {
    for (const call of this.#expected.open) call.passTime(this.#clock.nowMs, isLate);
    // What had nothing due is read with its next event, or at the end: an event too many is found then.
    await this.#logs.audit(Array.from(this.#expected.open).filter(({ due }) => due.length > 0));
  }

  /** Holds the whole log of every call against what was seen of it, for what has ended must not have changed. */
  async auditEverything(): Promise<void> {
    for (const { given, effects } of this.#expected.all()) {
      if (this.#expected.find(given.id, this.#clock.nowMs) === undefined) continue;
      await this.events(given.id, 0, given.principal);
      await this.read(given.id, given.principal);
      same(effects.done, effects.expected, { invariant: "I3", subject: `the effects of ${given.id}` });
    }
  }

  #held(attempt: AttemptRef): ExpectedCall | null {
    const call = this.#expected.find(attempt.id, this.#clock.nowMs);
    return call?.isHeldBy(attempt) === true ? call : null;
  }

  #found(id: string): readonly ExpectedCall[] {
    const call = this.#expected.find(id, this.#clock.nowMs);
    return call === undefined ? [] : [call];
  }

  /** What a verb answers; that it throws is a broken promise. */
  async #answered<TValue>(act: Promise<TValue>, invariant: string): Promise<TValue> {
    try {
      return await act;
    } catch (error) {
      throw new BrokenPromise(invariant, `the engine threw ${String(error)}`);
    }
  }

  /** A verb that must be refused. */
  async #refused(act: Promise<unknown>, invariant: string, tag: string): Promise<never> {
    try {
      await act;
    } catch (error) {
      if (hasTag(error, tag)) throw error;
      throw new BrokenPromise(invariant, `the engine threw ${String(error)}, expected was ${tag}`);
    }
    throw new BrokenPromise(invariant, `the engine did what it had to refuse as ${tag}`);
  }
}

function deadlineIn({ deadlineMs }: ExpectedCall, nowMs: number): number | null {
  return deadlineMs === Infinity ? null : deadlineMs - nowMs;
}

function lossOf(call: ExpectedCall | undefined, attempt: number): LostAttempt["reason"] {
  return call?.attempt === attempt && (call.state === "cancelled" || call.state === "expired") ? call.state : "lost";
}

function nameOf({ id, attempt }: AttemptRef): string {
  return `attempt ${attempt} of ${id}`;
}
