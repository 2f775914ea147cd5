import type { NewCall } from "@raincheck/engine";
import type { Random } from "../../chaos/random.ts";
import { Actor } from "./actor.ts";

/** Cancels calls that it has heard of, its own and others'. */
export class Canceller extends Actor {
  #wanted: { readonly call: NewCall; readonly principal: string | null } | null = null;
  #isAsking = false;

  override get isDone(): boolean {
    return this.#wanted === null;
  }

  override act(random: Random): void {
    const { engine, link, witness, isQuiet } = this.stage;
    if (this.#isAsking) return;
    if (this.#wanted === null && !isQuiet && witness.talk.length > 0) {
      const call = random.pick(witness.talk);
      this.#wanted = { call, principal: random.chance(0.8) ? call.principal : "mallory" };
    }
    if (this.#wanted === null) return;
    const { call, principal } = this.#wanted;
    this.#isAsking = true;
    link.send({
      life: this.life,
      name: `${this.name} cancel ${call.id}`,
      ask: () => engine.cancel(call.id, principal, "enough"),
      receive: (answer) => {
        this.#isAsking = false;
        if (answer.type === "unavailable") return;
        this.#wanted = null;
        if (answer.type === "value" && answer.value?.cancelled === true) witness.cancelled(call.id);
      },
    });
  }

  protected override forget(): void {
    this.#wanted = null;
    this.#isAsking = false;
  }
}
