import type { NewCall } from "@raincheck/engine";
import type { Random } from "../../chaos/random.ts";
import { Actor } from "./actor.ts";
import { drawCall, drawId } from "./draw-call.ts";

interface Intention {
  call: NewCall;
  isAsking: boolean;
}

/** Intentions that a starter has at once. */
const atOnce = 3;

/**
 * Starts calls, and asks again for as long as nobody answers: with the same call, or, like a client that begins anew, with another id under
 * the same key. Now and then it uses a key again, with the same input or another.
 */
export class Starter extends Actor {
  #intentions: Intention[] = [];

  override get isDone(): boolean {
    return this.#intentions.length === 0;
  }

  override act(random: Random): void {
    const waiting = this.#intentions.filter(({ isAsking }) => !isAsking);
    if (waiting.length > 0 && (this.stage.isQuiet || random.chance(0.7))) return this.#ask(random.pick(waiting));
    if (this.stage.isQuiet || this.#intentions.length >= atOnce || random.chance(0.5)) return;
    const intention: Intention = { call: drawCall(random), isAsking: false };
    this.#intentions.push(intention);
    this.#ask(intention);
  }

  protected override forget(): void {
    this.#intentions = [];
  }

  #ask(intention: Intention): void {
    const { engine, link, witness } = this.stage;
    const { call } = intention;
    intention.isAsking = true;
    link.send({
      life: this.life,
      name: `${this.name} accept ${call.id}`,
      ask: () => engine.accept(call),
      receive: (answer, now) => {
        intention.isAsking = false;
        const isFull = answer.type === "refused" && answer.tag === "EngineFull";
        if (answer.type === "value") witness.accepted({ ...call, id: answer.value.id });
        if (answer.type !== "unavailable" && !isFull) this.#intentions = this.#intentions.filter((one) => one !== intention);
        else if (call.idempotencyKey !== null && now.chance(0.3)) intention.call = { ...call, id: drawId(now) };
        else if (isFull && now.chance(0.5)) this.#intentions = this.#intentions.filter((one) => one !== intention);
      },
    });
  }
}
