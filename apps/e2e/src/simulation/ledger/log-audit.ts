import type { Engine } from "@raincheck/engine";
import { BrokenPromise, promised } from "../broken-promise.ts";
import type { HistoryHash } from "../history-hash.ts";
import type { Tally } from "../tally.ts";
import type { VirtualClock } from "../virtual-clock.ts";
import type { EventBody, ExpectedCall } from "./expected-call.ts";
import type { ExpectedLedger } from "./expected-ledger.ts";
import { same } from "./same.ts";
import { WakeAudit } from "./wake-audit.ts";

/** What a {@link LogAudit} and an audited engine are made of. */
export interface AuditParts {
  readonly engine: Engine;
  readonly expected: ExpectedLedger;
  readonly clock: VirtualClock;
  readonly tally: Tally;
  readonly hash: HistoryHash;
}

/** Reads the logs of calls after each act, and writes down what it finds: events, and nothing but those that were expected. */
export class LogAudit {
  readonly wakes: WakeAudit;
  readonly #engine: Engine;
  readonly #expected: ExpectedLedger;
  readonly #clock: VirtualClock;
  readonly #tally: Tally;
  readonly #hash: HistoryHash;

  constructor({ engine, expected, clock, tally, hash }: AuditParts) {
    this.#engine = engine;
    this.#expected = expected;
    this.#clock = clock;
    this.#tally = tally;
    this.#hash = hash;
    this.wakes = new WakeAudit(engine);
  }

  /** Reads what is new in the logs of these calls: it must be what was expected, to the last event. */
  async audit(calls: readonly ExpectedCall[]): Promise<void> {
    for (const call of calls) {
      // A reply that nobody has claimed yet: its id is not known.
      if (call.given.id === "") continue;
      if (!call.isOpen) this.#expected.open.delete(call);
      if (call.isKept(this.#clock.nowMs)) await this.#readLog(call);
      // Its end and its removal were due in one move of the time: nobody has seen either.
      else call.due.length = 0;
    }
    await this.wakes.settle();
  }

  async #readLog(call: ExpectedCall): Promise<void> {
    const { id, principal } = call.given;
    const page = await this.#engine.events(id, call.log.length, { principal });
    promised(page !== null, "I1", () => `${id}, which is to be kept, is gone`);
    if (page.events.length !== call.due.length) {
      throw new BrokenPromise(
        invariantOf(call),
        `${id} has the new events ${JSON.stringify(page.events)}, expected were ${JSON.stringify(call.due)}`,
      );
    }
    for (const event of page.events) {
      const { seq, at, ...body } = event;
      same(seq, call.log.length + 1, { invariant: "I5", subject: `the number of the ${body.type} event of ${id}` });
      same(body, call.due.shift(), { invariant: "I5", subject: `event ${seq} of ${id}` });
      promised(at >= (call.log.at(-1)?.at ?? ""), "I5", () => `event ${seq} of ${id} is dated before its predecessor`);
      call.log.push(event);
      this.#count(body);
      this.#hash.add(`${id} ${seq} ${body.type}`);
      this.wakes.owe(id);
    }
  }

  #count(body: EventBody): void {
    const tally = this.#tally;
    switch (body.type) {
      case "retrying":
        if (body.reason === "lost") tally.leaseLost += 1;
        if (body.reason === "handed-back") tally.handedBack += 1;
        break;
      case "failed":
        if (body.failure.code === "POISON") tally.poisoned += 1;
        else if (body.failure.code === "UNKNOWN_PROCEDURE") tally.unknownProcedure += 1;
        else tally.failed += 1;
        break;
      case "expired":
        if (body.failure.code === "DEADLINE_PASSED") tally.deadlinePassed += 1;
        else tally.startByPassed += 1;
        break;
      case "succeeded":
      case "cancelled":
        tally[body.type] += 1;
        break;
      default:
    }
  }
}

/** Which promise a log of the wrong length breaks. */
function invariantOf({ isOpen, due }: ExpectedCall): string {
  if (due.length > 0) return "I5";
  return isOpen ? "I4" : "I2";
}
