import { type Engine, EngineUnavailable } from "@raincheck/engine";
import type { Random } from "../../chaos/random.ts";
import type { SystemTally } from "./system-tally.ts";

/** How likely each fault between a process and the engine is. */
export interface LineRates {
  readonly drop: number;
  readonly loseAnswer: number;
  readonly duplicate: number;
  readonly delay: number;
  readonly loseWake: number;
}

/** A line without faults. */
export const soundLine: LineRates = { drop: 0, loseAnswer: 0, duplicate: 0, delay: 0, loseWake: 0 };

/** The longest delay of a request or an answer: longer than a lease, so that it may arrive for another attempt. */
const longestDelayMs = 3_000;

/** How often an engine looks for what no notification has told. */
const pollMs = 1_000;

/** The connection of one process to the engine. */
export class EngineLine {
  rates: LineRates;
  /** The process is dead: nothing that it says arrives, and it hears nothing. */
  isDead = false;
  readonly #random: Random;
  readonly #tally: SystemTally;
  #frozen: { readonly thawed: Promise<void>; readonly thaw: () => void } | null = null;

  constructor(rates: LineRates, random: Random, tally: SystemTally) {
    this.rates = rates;
    this.#random = random;
    this.#tally = tally;
  }

  /** From now on everything waits, both ways. */
  freeze(): void {
    if (this.#frozen !== null) return;
    const { promise: thawed, resolve: thaw } = Promise.withResolvers<void>();
    this.#frozen = { thawed, thaw };
  }

  thaw(): void {
    this.#frozen?.thaw();
    this.#frozen = null;
  }

  /** Carries a request to the engine and its answer back. `exactly`: once and with an answer, if it gets there. */
  async carry<TValue>(verb: string, act: () => Promise<TValue>, { exactly = false } = {}): Promise<TValue> {
    const random = this.#random;
    await this.#way();
    if (random.chance(this.rates.drop)) {
      this.#tally.requestDropped += 1;
      throw new EngineUnavailable(verb, new Error("the request was dropped"));
    }
    if (!exactly && random.chance(this.rates.duplicate)) {
      this.#tally.requestDuplicated += 1;
      // The second copy arrives some time later, and nobody hears its answer.
      setTimeout(() => void act().catch(() => undefined), random.below(longestDelayMs));
    }
    const [answer] = await Promise.allSettled([act()]);
    await this.#way();
    if (!exactly && random.chance(this.rates.loseAnswer)) {
      this.#tally.answerLost += 1;
      throw new EngineUnavailable(verb, new Error("the answer was lost"));
    }
    if (answer.status === "rejected") throw answer.reason;
    return answer.value;
  }

  /** Passes a wake on; one that is lost comes by the engine's poll, as the port has it. */
  wake(wake: () => void): void {
    if (!this.#random.chance(this.rates.loseWake)) return this.#hear(wake);
    this.#tally.wakeLost += 1;
    setTimeout(() => this.#hear(wake), this.#random.below(pollMs));
  }

  #hear(wake: () => void): void {
    if (!this.isDead) wake();
  }

  async #way(): Promise<void> {
    if (this.#random.chance(this.rates.delay)) {
      this.#tally.requestDelayed += 1;
      const ms = this.#random.below(this.#random.chance(0.1) ? longestDelayMs : 200);
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
    await this.#frozen?.thawed;
    if (this.isDead) await new Promise<never>(() => undefined);
  }
}

/** The engine as a process reaches it over its line. */
export function overLine(engine: Engine<null>, line: EngineLine): Engine<null> {
  return {
    name: engine.name,
    start: () => engine.start(),
    // Of one process; the engine is everybody's.
    stop: () => Promise.resolve(),
    accept: (call, options) => line.carry("accept", () => engine.accept(call, options)),
    claim: (request) => line.carry("claim", () => engine.claim(request)),
    vouch: (request) => line.carry("vouch", () => engine.vouch(request)),
    extend: (attempts, leaseMs) => line.carry("extend", () => engine.extend(attempts, leaseMs)),
    report: (attempt, progress) => line.carry("report", () => engine.report(attempt, progress)),
    append: (attempt, yields) => line.carry("append", () => engine.append(attempt, yields)),
    settle: (attempt, settlement) => line.carry("settle", () => engine.settle(attempt, settlement)),
    // The port has a commit find out by itself what became of it, and its work is the application's: neither is repeated by a line.
    commit: (attempt, work) => line.carry("commit", () => engine.commit(attempt, work), { exactly: true }),
    transaction: (work) => line.carry("transaction", () => engine.transaction(work), { exactly: true }),
    cancel: (id, reader, reason) => line.carry("cancel", () => engine.cancel(id, reader, reason)),
    repeat: (id, reader, repeat) => line.carry("repeat", () => engine.repeat(id, reader, repeat)),
    read: (id, reader) => line.carry("read", () => engine.read(id, reader)),
    list: (reader, query) => line.carry("list", () => engine.list(reader, query)),
    events: (id, after, reader) => line.carry("events", () => engine.events(id, after, reader)),
    subscribe: (id, wake) => engine.subscribe(id, (hint) => line.wake(() => wake(hint))),
    onRunnable: (queues, wake) => engine.onRunnable(queues, () => line.wake(wake)),
  };
}
