/**
 * What stands between an actor and the engine: requests and answers wait here until the scheduler delivers them, in the order of its
 * liking. A request may be dropped, or carried out twice; an answer may be lost, so that its actor knows nothing; what a crashed actor
 * had sent still arrives.
 */
import { hasTag } from "@raincheck/protocol";
import type { Random } from "../chaos/random.ts";
import type { Tally } from "./tally.ts";

/** How likely each fault is. */
export interface FaultRates {
  readonly drop: number;
  readonly loseAnswer: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly loseWake: number;
}

/** A link without faults. */
export const soundLink: FaultRates = { drop: 0, loseAnswer: 0, duplicate: 0, reorder: 0, loseWake: 0 };

/** One life of an actor, from its start to its crash. */
export interface Life {
  isOver: boolean;
  isFrozen: boolean;
}

/** What an actor hears. `unavailable`: it may or may not have been done. */
export type Answer<TValue> =
  | { readonly type: "value"; readonly value: TValue }
  | { readonly type: "refused"; readonly tag: string }
  | { readonly type: "unavailable" };

/** A request as an actor makes it. */
export interface LinkRequest<TValue> {
  readonly life: Life;
  /** For traces. */
  readonly name: string;
  readonly ask: () => Promise<TValue>;
  readonly receive: (answer: Answer<TValue>, random: Random) => void;
}

interface Message {
  readonly life: Life;
  readonly name: string;
  readonly ask: () => Promise<Answer<unknown>>;
  readonly receive: (answer: Answer<unknown>, random: Random) => void;
  /** `null`: a request. */
  readonly answer: Answer<unknown> | null;
  /** Shared by a request, its copies and its answers: an actor hears the first answer alone. */
  readonly fate: { isAnswered: boolean };
}

const refusals = ["IdempotencyConflict", "StaleAttempt", "EngineFull"] as const;

/** See the file's head. */
export class FaultyLink {
  rates: FaultRates;
  readonly #tally: Tally;
  readonly #inFlight: Message[] = [];

  constructor(rates: FaultRates, tally: Tally) {
    this.rates = rates;
    this.#tally = tally;
  }

  /** How many messages wait. */
  get size(): number {
    return this.#inFlight.length;
  }

  /** Sends a request. */
  send<TValue>({ life, name, ask, receive }: LinkRequest<TValue>): void {
    this.#inFlight.push({
      life,
      name,
      ask: () => answerOf(ask()),
      // The one place where an answer gets its type back: it came from `ask` above.
      receive: receive as Message["receive"],
      answer: null,
      fate: { isAnswered: false },
    });
  }

  /** Whether a wake arrives. */
  passesWake(random: Random): boolean {
    const isLost = random.chance(this.rates.loseWake);
    if (isLost) this.#tally.wakeLost += 1;
    return !isLost;
  }

  /** Delivers one message. @returns what happened, in words. */
  async deliver(random: Random): Promise<string> {
    const isReordered = this.#inFlight.length > 1 && random.chance(this.rates.reorder);
    const at = isReordered ? 1 + random.below(this.#inFlight.length - 1) : 0;
    const [message] = this.#inFlight.splice(at, 1);
    if (message === undefined) return "nothing in flight";
    if (isReordered) this.#tally.reordered += 1;
    return message.answer === null ? this.#carryOut(message, random) : this.#handOver(message, message.answer, random);
  }

  #handOver(message: Message, answer: Answer<unknown>, random: Random): string {
    const { life, name, fate } = message;
    if (life.isOver || fate.isAnswered) return `${name}: answer for nobody`;
    if (life.isFrozen) {
      this.#inFlight.push(message);
      return `${name}: answer waits for a frozen actor`;
    }
    fate.isAnswered = true;
    message.receive(answer, random);
    return `${name}: answered ${answer.type}`;
  }

  async #carryOut(request: Message, random: Random): Promise<string> {
    const { drop, duplicate, loseAnswer } = this.rates;
    if (random.chance(drop)) {
      this.#tally.requestDropped += 1;
      this.#inFlight.push({ ...request, answer: { type: "unavailable" } });
      return `${request.name}: dropped`;
    }
    if (random.chance(duplicate)) {
      this.#tally.requestDuplicated += 1;
      this.#inFlight.push(request);
    }
    if (request.life.isOver) this.#tally.lateForTheDead += 1;
    const answer = await request.ask();
    const isLost = random.chance(loseAnswer);
    if (isLost) this.#tally.answerLost += 1;
    this.#inFlight.push({ ...request, answer: isLost ? { type: "unavailable" } : answer });
    return `${request.name}: done${isLost ? ", answer lost" : ""}`;
  }
}

async function answerOf<TValue>(act: Promise<TValue>): Promise<Answer<TValue>> {
  try {
    return { type: "value", value: await act };
  } catch (error) {
    const tag = refusals.find((one) => hasTag(error, one));
    if (tag === undefined) throw error;
    return { type: "refused", tag };
  }
}
