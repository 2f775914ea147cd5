import type { EventPage, NewCall } from "@raincheck/engine";
import { type FoldedCall, fold } from "@raincheck/protocol";
import type { Random } from "../../chaos/random.ts";
import { BrokenPromise, promised } from "../broken-promise.ts";
import { Actor } from "./actor.ts";

interface Following {
  readonly call: NewCall;
  /** What it knows of the call: the protocol's own sum of the events, whose `seq` is the cursor. */
  folded: FoldedCall<string, string> | null;
  isWoken: boolean;
  isOver: boolean;
  unsubscribe: () => void;
}

/** Calls that a watcher follows at once. */
const atOnce = 3;

/**
 * Follows calls by cursor: subscribes, reads what is behind the cursor, reads again when woken, and now and then by itself, for wakes are
 * lost. Pages may come twice, late and in any order; what it is told must be the log, each event once.
 */
export class Watcher extends Actor {
  #followings: Following[] = [];

  override get isDone(): boolean {
    return this.#followings.length === 0;
  }

  override act(random: Random): void {
    const { witness, isQuiet } = this.stage;
    if (!isQuiet && this.#followings.length < atOnce && witness.talk.length > 0 && random.chance(0.5)) {
      return this.#follow(random.pick(witness.talk), random);
    }
    const following = this.#followings.find(({ isWoken }) => isWoken) ?? this.#followings[random.below(this.#followings.length)];
    if (following === undefined) return;
    following.isWoken = false;
    this.#ask(following);
  }

  protected override forget(): void {
    for (const following of this.#followings) this.#leave(following);
  }

  #follow(call: NewCall, random: Random): void {
    const { engine, link } = this.stage;
    const following: Following = { call, folded: null, isWoken: true, isOver: false, unsubscribe: () => undefined };
    // The wakes of one subscription draw from a source of their own: they come between two decisions of the scheduler.
    const wakes = random.fork(call.id);
    following.unsubscribe = engine.subscribe(call.id, () => {
      if (link.passesWake(wakes)) following.isWoken = true;
    });
    this.#followings.push(following);
  }

  #ask(following: Following): void {
    const { engine, link } = this.stage;
    const { id, principal } = following.call;
    const after = following.folded?.seq ?? 0;
    link.send({
      life: this.life,
      name: `${this.name} events ${id} after ${after}`,
      ask: () => engine.events(id, after, principal),
      receive: (answer) => {
        if (following.isOver || answer.type !== "value") return;
        if (answer.value === null) return this.#leave(following);
        this.#take(following, answer.value);
      },
    });
  }

  #take(following: Following, { events }: EventPage): void {
    for (const event of events) {
      const before = following.folded;
      // A page that was asked for earlier may lie behind the cursor, but never beyond it.
      promised(event.seq <= (before?.seq ?? 0) + 1, "I5", () => `${following.call.id}: event ${event.seq} after ${before?.seq ?? 0}`);
      following.folded = foldOrBreak(before, event);
      if (following.folded === before) this.stage.tally.eventRepeated += 1;
      else promised(before?.end == null, "I2", () => `${following.call.id}: ${event.type} after ${before?.end?.type}`);
    }
    if (following.folded?.end == null) return;
    this.stage.tally.followedToTheEnd += 1;
    this.#leave(following);
  }

  #leave(following: Following): void {
    following.isOver = true;
    following.unsubscribe();
    this.#followings = this.#followings.filter((one) => one !== following);
  }
}

function foldOrBreak(...given: Parameters<typeof fold<string, string>>): FoldedCall<string, string> {
  try {
    return fold(...given);
  } catch (error) {
    throw new BrokenPromise("I5", String(error));
  }
}
