/**
 * One world of the simulation: a memory engine in virtual time, actors, and the faulty link between them.
 *
 * Each step is one decision, drawn from the world's seed and the step's number alone. So a step that is left out changes no other step's
 * draw, and a run can be shrunk by leaving steps out. After the last step the faults stop, and everything that was begun must end.
 */
import { memoryEngine } from "@raincheck/engine/memory";
import { type Random, randomOf } from "../chaos/random.ts";
import type { Actor, Stage } from "./actors/actor.ts";
import { Canceller } from "./actors/canceller.ts";
import { drawId } from "./actors/draw-call.ts";
import { Repeater } from "./actors/repeater.ts";
import { ReplyTaker } from "./actors/reply-taker.ts";
import { SimulatedWorker } from "./actors/simulated-worker.ts";
import { Starter } from "./actors/starter.ts";
import { Watcher } from "./actors/watcher.ts";
import { promised } from "./broken-promise.ts";
import { FaultyLink, soundLink } from "./faulty-link.ts";
import { HistoryHash } from "./history-hash.ts";
import { AuditedEngine } from "./ledger/audited-engine.ts";
import { ExpectedLedger } from "./ledger/expected-ledger.ts";
import { type Hardness, drawHardness } from "./nemesis.ts";
import { type Tally, emptyTally } from "./tally.ts";
import { VirtualClock } from "./virtual-clock.ts";
import { Witness } from "./witness.ts";

const maxQueued = 25;

/** Rounds in which everything must end once the faults have stopped: of 200 ms each. */
const quietRounds = 600;
const quietRoundMs = 200;

/** Longer than any call is kept. */
const longAfterMs = 30 * 86_400_000;

/** See the file's head. */
export class World {
  readonly tally: Tally = emptyTally();
  readonly hash = new HistoryHash();
  readonly #seed: number;
  readonly #clock = new VirtualClock();
  readonly #expected: ExpectedLedger;
  readonly #engine: AuditedEngine;
  readonly #hardness: Hardness;
  readonly #stage: Stage;
  readonly #actors: readonly Actor[];

  constructor(seed: number) {
    this.#seed = seed;
    this.#hardness = drawHardness(randomOf(seed).fork("hardness"));
    const { rates, concurrency } = this.#hardness;
    const { tally, hash } = this;
    const clock = this.#clock;
    this.#expected = new ExpectedLedger({ maxQueued, concurrency });
    const ids = randomOf(seed).fork("replies");
    const engine = memoryEngine({ clock, maxQueued, concurrency, newId: () => drawId(ids) });
    this.#engine = new AuditedEngine({ engine, expected: this.#expected, clock, tally, hash });
    const stage: Stage = { engine: this.#engine, link: new FaultyLink(rates, tally), witness: new Witness(), tally, isQuiet: false };
    this.#stage = stage;
    this.#actors = [
      new Starter("starter 1", stage),
      new Starter("starter 2", stage),
      new SimulatedWorker("worker 1", stage),
      new SimulatedWorker("worker 2", stage),
      new SimulatedWorker("worker 3", stage),
      new Canceller("canceller", stage),
      new Repeater("repeater", stage),
      new ReplyTaker("reply taker", stage),
      new Watcher("watcher 1", stage),
      new Watcher("watcher 2", stage),
    ];
  }

  /**
   * Takes one step.
   *
   * @returns what happened, in words.
   * @throws {BrokenPromise} when a promise was broken.
   */
  async step(number: number): Promise<string> {
    const random = randomOf(Math.imul(this.#seed ^ Math.imul(number + 1, 0x9e3779b1), 0x85ebca6b));
    const happened = await this.#decide(random);
    this.hash.add(happened);
    return happened;
  }

  /** Ends the faults, brings everything to its end, and checks what can be checked only then. */
  async end(): Promise<void> {
    const { link } = this.#stage;
    const random = randomOf(this.#seed).fork("quiet");
    link.rates = soundLink;
    this.#stage.isQuiet = true;
    for (const { life } of this.#actors) life.isFrozen = false;
    let rounds = 0;
    for (; rounds < quietRounds && !this.#isAtRest; rounds++) {
      for (const actor of this.#actors) actor.act(random);
      while (link.size > 0) await link.deliver(random);
      this.#clock.advance(quietRoundMs);
      await this.#engine.timeMoved(false);
    }
    promised(this.#isAtRest, "L1", () => this.#unrest());
    await this.#engine.auditEverything();
    this.#stage.witness.check(this.#expected);
    this.#clock.advance(longAfterMs);
    await this.#engine.auditEverything();
    promised(this.#clock.timers === 0, "L4", () => `${this.#clock.timers} timers are left when every call is forgotten`);
    this.hash.add(`rest after ${rounds}`);
  }

  get #isAtRest(): boolean {
    return this.#stage.link.size === 0 && this.#expected.open.size === 0 && this.#actors.every(({ isDone }) => isDone);
  }

  #unrest(): string {
    const open = Array.from(this.#expected.open, ({ given, state }) => `${given.id} is ${state}`);
    const busy = this.#actors.filter(({ isDone }) => !isDone).map(({ name }) => `${name} is not done`);
    return `${quietRounds * quietRoundMs} ms after the last fault: ${[...open, ...busy].join(", ")}`;
  }

  async #decide(random: Random): Promise<string> {
    const { link } = this.#stage;
    const decision = random.weighted(this.#hardness.weights);
    switch (decision) {
      case "deliver":
        return link.size > 0 ? link.deliver(random) : this.#act(random);
      case "tick":
        return this.#moveTime(1 + random.below(random.chance(0.2) ? 600 : 60), random);
      case "jump":
        this.tally.clockJump += 1;
        return this.#moveTime(500 + random.below(random.chance(0.1) ? 30_000 : 4_000), random);
      case "crash": {
        const actor = random.pick(this.#actors);
        actor.crash();
        this.tally.crash += 1;
        return `${actor.name} crashes`;
      }
      case "freeze": {
        const actor = random.pick(this.#actors);
        actor.life.isFrozen = true;
        this.tally.freeze += 1;
        return `${actor.name} freezes`;
      }
      case "thaw": {
        for (const { life } of this.#actors) life.isFrozen = false;
        return "all thaw";
      }
      default:
        return this.#act(random);
    }
  }

  #act(random: Random): string {
    const actor = random.pick(this.#actors);
    if (actor.life.isFrozen) return `${actor.name} is frozen`;
    actor.act(random);
    return `${actor.name} acts`;
  }

  async #moveTime(ms: number, random: Random): Promise<string> {
    const isLate = random.chance(this.#hardness.lateness);
    if (isLate) {
      this.tally.lateTimers += 1;
      this.#clock.leap(ms);
    } else {
      this.#clock.advance(ms);
    }
    await this.#engine.timeMoved(isLate);
    return `${ms} ms pass${isLate ? ", the timers late" : ""}`;
  }
}
