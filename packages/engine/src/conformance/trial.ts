import { randomBytes, randomUUID } from "node:crypto";
import { type CallId, type CallState, callIdFrom } from "@raincheck/protocol";
import { expect, vi } from "vitest";
import type { AttemptRef } from "../attempt.ts";
import type { CallRecord, Reader, StoredEvent } from "../call-record.ts";
import type { ClaimedCall, ClaimRequest } from "../claim-request.ts";
import type { Engine } from "../engine.ts";
import type { NewCall } from "../new-call.ts";
import { checkCall } from "./check-call.ts";
import type { Effects, EngineUnderTest } from "./engine-under-test.ts";
import { NotInTime } from "./not-in-time.ts";
import { WakeListener } from "./wake-listener.ts";

/** A lease that does not end during a test. */
export const longLeaseMs = 600_000;

/**
 * What one test is handed: an engine that others may use at the same time, and a queue and an owner that are the test's own.
 * It keeps the ids of the calls that the test made, and {@link Trial.verifyCalls} checks each of them after the test.
 */
export class Trial {
  readonly engine: Engine;
  /** Nobody else's. */
  readonly queue = `queue-${randomUUID()}`;
  /** Nobody else. */
  readonly owner: { readonly principal: string } = { principal: `user-${randomUUID()}` };
  readonly effects: Effects;
  /** How long a test waits for what must come. */
  readonly patienceMs: number;
  readonly #subject: EngineUnderTest;
  readonly #makeOwn: () => Promise<EngineUnderTest>;
  readonly #calls = new Map<CallId, Reader>();

  constructor(subject: EngineUnderTest, options: { readonly patienceMs: number; readonly makeOwn: () => Promise<EngineUnderTest> }) {
    this.#subject = subject;
    this.engine = subject.engine;
    this.effects = subject.effects;
    this.patienceMs = options.patienceMs;
    this.#makeOwn = options.makeOwn;
  }

  /** A second engine on the same ledger. */
  open(): Promise<Engine> {
    return this.#subject.open();
  }

  /** Removes what was retained long enough. */
  sweep(): Promise<void> {
    return this.#subject.sweep();
  }

  /** An engine on a ledger of its own, which the test may stop; the test disposes it. */
  makeOwn(): Promise<EngineUnderTest> {
    return this.#makeOwn();
  }

  /** A call of the test's owner in the test's queue, with nothing set that could be left out. */
  newCall(given: Partial<NewCall> = {}): NewCall {
    const call: NewCall = {
      id: newCallId(),
      path: "flights.report",
      queue: this.queue,
      principal: this.owner.principal,
      input: `{"airport":"OAK"}`,
      context: `{"userId":7}`,
      idempotencyKey: null,
      priority: 0,
      concurrency: null,
      delayMs: 0,
      startByMs: null,
      deadlineMs: null,
      retentionMs: 3_600_000,
      startedBy: null,
      detached: false,
      replyQueues: [],
      ...given,
    };
    this.#calls.set(call.id, { principal: call.principal });
    return call;
  }

  /** Accepts {@link newCall}. */
  async accept(given: Partial<NewCall> = {}): Promise<CallId> {
    const { id } = await this.engine.accept(this.newCall(given));
    return id;
  }

  /** Claims from the test's queue. */
  claim(given: Partial<ClaimRequest> = {}, engine: Engine = this.engine): Promise<readonly ClaimedCall[]> {
    return engine.claim({ worker: "conformance", queues: [this.queue], limit: 1, leaseMs: longLeaseMs, ...given });
  }

  /** Waits until something can be claimed from the test's queue, by the engine's wakes. */
  async claimSoon(given: Partial<ClaimRequest> = {}, engine: Engine = this.engine): Promise<ClaimedCall> {
    using wakes = this.listen((wake) => engine.onRunnable(given.queues ?? [this.queue], wake));
    for (;;) {
      const seen = wakes.count;
      const [call] = await this.claim(given, engine);
      if (call !== undefined) return call;
      await wakes.beyond(seen, "a call in the queue");
    }
  }

  /** A call that runs: accepted and claimed. */
  async running(given: Partial<NewCall> = {}, claim: Partial<ClaimRequest> = {}): Promise<ClaimedCall> {
    const id = await this.accept(given);
    const call = await this.claimSoon(claim);
    expect(call.id).toBe(id);
    return call;
  }

  /** The call, which must be there. */
  async read(id: CallId, engine: Engine = this.engine): Promise<CallRecord> {
    const record = await engine.read(id, this.#readerOf(id));
    if (record === null) return expect.fail(`Call ${id} is not there.`);
    return record;
  }

  /** All events of a call, in as many pages as the engine makes of them. */
  async events(id: CallId, engine: Engine = this.engine): Promise<readonly StoredEvent[]> {
    const events: StoredEvent[] = [];
    for (;;) {
      const page = await engine.events(id, events.length, this.#readerOf(id));
      if (page === null) return expect.fail(`Call ${id} is not there.`);
      events.push(...page.events);
      if (events.length >= page.lastSeq) return events;
      expect(page.events, "a page that is not the last").not.toHaveLength(0);
    }
  }

  /** The names of a call's events. */
  async history(id: CallId): Promise<readonly string[]> {
    return (await this.events(id)).map((event) => event.type);
  }

  /** Follows a call by its wakes until it is in a state. */
  until(id: CallId, state: CallState, engine: Engine = this.engine): Promise<CallRecord> {
    return this.untilRecord(id, (record) => record.state === state, { what: `call ${id} to be ${state}`, engine });
  }

  /** Follows a call by its wakes until its record is as wanted. */
  async untilRecord(
    id: CallId,
    isWanted: (record: CallRecord) => boolean,
    options: { readonly what: string; readonly engine?: Engine },
  ): Promise<CallRecord> {
    const { what, engine = this.engine } = options;
    using wakes = this.listen((wake) => engine.subscribe(id, wake));
    for (;;) {
      const seen = wakes.count;
      const record = await engine.read(id, this.#readerOf(id));
      if (record !== null && isWanted(record)) return record;
      await wakes.beyond(seen, what);
    }
  }

  /** Asks again and again: for what no wake announces. */
  async eventually(isSo: () => Promise<boolean>, what: string): Promise<void> {
    await vi.waitFor(
      async () => {
        if (!(await isSo())) throw new NotInTime(what, this.patienceMs);
      },
      { timeout: this.patienceMs, interval: 10 },
    );
  }

  /** Counts the wakes of a subscription. */
  listen(subscribe: (wake: () => void) => () => void): WakeListener {
    return new WakeListener(subscribe, this.patienceMs);
  }

  /** Whether an attempt may still write, by the engine's word. */
  async holds(attempt: AttemptRef): Promise<boolean> {
    return (await this.engine.extend([attempt], longLeaseMs)).length === 0;
  }

  /** Checks what holds for every call, for all that the test made. */
  async verifyCalls(): Promise<void> {
    for (const id of this.#calls.keys()) await this.#verifyCall(id);
  }

  async #verifyCall(id: CallId): Promise<void> {
    for (;;) {
      const before = await this.engine.read(id, this.#readerOf(id));
      // It was refused, rolled back, or removed after its retention: the test itself knows which.
      if (before === null) return;
      const events = await this.events(id);
      const record = await this.read(id);
      // Time may have changed the call between the two reads.
      if (before.seq === record.seq) return checkCall(record, events);
    }
  }

  #readerOf(id: CallId): Reader {
    return this.#calls.get(id) ?? this.owner;
  }
}

/** A fresh id. */
export function newCallId(): CallId {
  return callIdFrom(randomBytes(16));
}

/** How a promise ended, for races of which some must reject. */
export async function outcomeOf<TValue>(promise: Promise<TValue>): Promise<{ value: TValue } | { error: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}
