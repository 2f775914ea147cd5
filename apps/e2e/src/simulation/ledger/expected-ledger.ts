import type { Acceptance, ClaimRequest, ClaimedCall, NewCall, Repeat, Repetition } from "@raincheck/engine";
import { type EventBody, ExpectedCall } from "./expected-call.ts";
import { ExpectedReplies } from "./expected-replies.ts";

/** How an acceptance must be answered. */
export type ExpectedAcceptance =
  | { readonly type: "answered"; readonly call: ExpectedCall; readonly acceptance: Acceptance }
  | { readonly type: "refused"; readonly tag: "IdempotencyConflict" | "StaleAttempt" | "EngineFull" };

/** How a repetition must be answered. `call`: the one that it names. */
export type ExpectedRepetition =
  | { readonly type: "answered"; readonly call: ExpectedCall | null; readonly repetition: Repetition | null }
  | { readonly type: "refused"; readonly tag: "EngineFull" };

/** What the calls together must be. */
export class ExpectedLedger {
  readonly open = new Set<ExpectedCall>();
  readonly #calls = new Map<string, ExpectedCall>();
  readonly #byKey = new Map<string, ExpectedCall>();
  /** Ids that were accepted once more after their call was forgotten: a request may be that late. They name two calls. */
  readonly #reborn = new Set<string>();
  readonly #replies = new ExpectedReplies();
  #accepted = 0;
  readonly #limits: { readonly maxQueued: number; readonly concurrency: number };

  constructor(limits: { readonly maxQueued: number; readonly concurrency: number }) {
    this.#limits = limits;
  }

  /** Every call that ever was, those included that are no longer kept, but for those whose id came to name another. */
  all(): readonly ExpectedCall[] {
    return Array.from(this.#calls.values()).filter(({ given }) => !this.#reborn.has(given.id));
  }

  /** Whether two calls have had this id, one after the other. */
  isReborn(id: string): boolean {
    return this.#reborn.has(id);
  }

  /** The call of an id, while it is kept. */
  find(id: string, nowMs: number): ExpectedCall | undefined {
    const call = this.#calls.get(id);
    return call?.isKept(nowMs) === true ? call : undefined;
  }

  accept(given: NewCall, nowMs: number): ExpectedAcceptance {
    const named = given.idempotencyKey === null ? undefined : this.#byKey.get(keyOf(given));
    const same = this.find(given.id, nowMs) ?? (named?.isKept(nowMs) === true ? named : undefined);
    if (same !== undefined) {
      const { principal, path, input, id } = same.given;
      if (principal !== given.principal || path !== given.path || input !== given.input)
        return { type: "refused", tag: "IdempotencyConflict" };
      return { type: "answered", call: same, acceptance: { id, state: same.state, created: false } };
    }
    const starter = given.startedBy === null ? null : this.find(given.startedBy.id, nowMs);
    if (given.startedBy !== null && starter?.isHeldBy(given.startedBy) !== true) return { type: "refused", tag: "StaleAttempt" };
    if (this.#count("queued") >= this.#limits.maxQueued) return { type: "refused", tag: "EngineFull" };
    const call = this.#newCall(given, given.detached ? null : (starter ?? null), nowMs);
    this.#add(call, given.idempotencyKey === null ? null : keyOf(given));
    return { type: "answered", call, acceptance: { id: given.id, state: "queued", created: true } };
  }

  repeat({ id, principal, given }: { id: string; principal: string | null; given: Repeat }, nowMs: number): ExpectedRepetition {
    const source = this.find(id, nowMs);
    if (source?.isSeenBy(principal) !== true) return { type: "answered", call: null, repetition: null };
    const { state } = source;
    const { path, input, context, principal: owner } = source.given;
    const { by, ...rest } = given;
    const hasFailed = state === "failed" || state === "expired";
    if (source.isOpen || (by.type === "retry" && !hasFailed))
      return { type: "answered", call: null, repetition: { repeated: false, state } };
    const key = by.type === "retry" ? `retry of ${id}` : by.key === null ? null : `replay of ${id}: ${by.key}`;
    const named = key === null ? undefined : this.#byKey.get(key);
    const same = this.find(given.id, nowMs) ?? (named?.isKept(nowMs) === true ? named : undefined);
    const answer = (call: ExpectedCall, created: boolean): ExpectedRepetition => ({
      type: "answered",
      call,
      repetition: { repeated: true, id: call.given.id, path, state: call.state, created },
    });
    if (same !== undefined) return answer(same, same.given.id === given.id);
    if (this.#count("queued") >= this.#limits.maxQueued) return { type: "refused", tag: "EngineFull" };
    const { retentionMs, replyQueues } = source.given;
    const kept = { retentionMs: given.retentionMs ?? retentionMs, replyQueues: given.replyQueues ?? replyQueues };
    const origin = { idempotencyKey: null, delayMs: 0, startedBy: null, detached: false, ...kept };
    const call = this.#newCall({ ...rest, ...origin, path, input, context, principal: owner }, null, nowMs);
    this.#add(call, key);
    return answer(call, true);
  }

  /** The calls that a claim must take, in its order. Those of withheld procedures that it comes upon are set aside. */
  claim({ queues, limit, leaseMs, withheld = [] }: ClaimRequest, nowMs: number): ExpectedCall[] {
    const claimed: ExpectedCall[] = [];
    const places = new Map(withheld.map((one) => [one.path, one.places]));
    while (claimed.length < limit && this.#count("running") < this.#limits.concurrency) {
      let first: ExpectedCall | undefined;
      for (const call of this.open) {
        if (call.state !== "queued" || call.runnableMs > nowMs || !queues.includes(call.given.queue)) continue;
        if (call.isAside && places.get(call.given.path) === 0) continue;
        if ((first === undefined || isBefore(call, first)) && this.#hasRoom(call)) first = call;
      }
      if (first === undefined) break;
      const { path } = first.given;
      const left = places.get(path);
      if (left === 0) {
        first.setAside(withheld.find((one) => one.path === path)?.giveUpAfterMs ?? null, nowMs);
        continue;
      }
      if (left !== undefined) places.set(path, left - 1);
      first.claim(leaseMs, nowMs);
      claimed.push(first);
    }
    return claimed;
  }

  /** Ends a call and its open children as cancelled; all of them are returned. */
  cancel(call: ExpectedCall, reasons: { readonly own: string | null; readonly children: string }, nowMs: number): ExpectedCall[] {
    call.cancel(reasons.own, nowMs);
    const open = call.children.filter(({ isOpen }) => isOpen);
    return [call, ...open.flatMap((child) => this.cancel(child, { ...reasons, own: reasons.children }, nowMs))];
  }

  /** Takes what was claimed of a reply queue for what it must be. @throws {BrokenPromise} where it is not. */
  claimReplies(request: ClaimRequest, claimed: readonly ClaimedCall[], nowMs: number): ExpectedCall[] {
    const waiting = Array.from(this.open).filter(
      (call) => call.state === "queued" && call.runnableMs <= nowMs && request.queues.includes(call.given.queue),
    );
    const room = Math.min(request.limit, this.#limits.concurrency - this.#count("running"));
    const taken = this.#replies.match(waiting, claimed, room);
    for (const call of taken) {
      this.#calls.set(call.given.id, call);
      call.claim(request.leaseMs, nowMs);
    }
    return taken;
  }

  #newCall(given: NewCall, parent: ExpectedCall | null, nowMs: number): ExpectedCall {
    const onEnd = (call: ExpectedCall, end: EventBody): void => {
      const reply = this.#replies.of(call, end);
      if (reply !== null) this.open.add(this.#newCall(reply, null, call.endedMs));
    };
    return new ExpectedCall(given, { number: ++this.#accepted, parent, nowMs, onEnd });
  }

  #add(call: ExpectedCall, key: string | null): void {
    const { id } = call.given;
    if (this.#calls.has(id)) this.#reborn.add(id);
    this.#calls.set(id, call);
    if (key !== null) this.#byKey.set(key, call);
    this.open.add(call);
  }

  #hasRoom({ given: { path, concurrency } }: ExpectedCall): boolean {
    if (concurrency === null) return true;
    let running = 0;
    for (const { state, given } of this.open) if (state === "running" && given.path === path && given.concurrency !== null) running += 1;
    return running < concurrency;
  }

  #count(state: "queued" | "running"): number {
    let count = 0;
    for (const call of this.open) if (call.state === state) count += 1;
    return count;
  }
}

function isBefore(one: ExpectedCall, other: ExpectedCall): boolean {
  return one.given.priority === other.given.priority ? one.number < other.number : one.given.priority > other.given.priority;
}

function keyOf({ principal, path, idempotencyKey }: NewCall): string {
  return JSON.stringify([principal, path, idempotencyKey]);
}
