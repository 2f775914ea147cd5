import type { NewCall, Repeat } from "@raincheck/engine";
import type { Random } from "../../chaos/random.ts";
import { Actor } from "./actor.ts";
import { drawId, policies } from "./draw-call.ts";

interface Wanted {
  readonly call: NewCall;
  readonly principal: string | null;
  readonly given: Repeat;
}

/** Retries and replays calls that it has heard of, ended or not, and asks again for as long as nobody answers. */
export class Repeater extends Actor {
  #wanted: Wanted | null = null;
  #isAsking = false;

  override get isDone(): boolean {
    return this.#wanted === null;
  }

  override act(random: Random): void {
    const { engine, link, witness, isQuiet } = this.stage;
    if (this.#isAsking) return;
    if (this.#wanted === null && !isQuiet && witness.talk.length > 0 && random.chance(0.5)) this.#wanted = this.#draw(random);
    if (this.#wanted === null) return;
    const { call, principal, given } = this.#wanted;
    this.#isAsking = true;
    link.send({
      life: this.life,
      name: `${this.name} ${given.by.type} ${call.id}`,
      ask: () => engine.repeat(call.id, principal, given),
      receive: (answer, now) => {
        this.#isAsking = false;
        // A full engine may stay full until somebody else has ended something.
        const isFull = answer.type === "refused" && answer.tag === "EngineFull";
        if (answer.type === "unavailable" || (isFull && now.chance(0.5))) return;
        this.#wanted = null;
        if (answer.type === "value" && answer.value?.repeated === true) witness.accepted({ ...call, id: answer.value.id });
      },
    });
  }

  protected override forget(): void {
    this.#wanted = null;
    this.#isAsking = false;
  }

  #draw(random: Random): Wanted {
    const call = random.pick(this.stage.witness.talk);
    const { queue, priority, concurrency, retentionMs } = policies[call.path]!;
    const replay = { type: "replay", key: random.chance(0.5) ? `key ${random.below(2)}` : null } as const;
    return {
      call,
      principal: random.chance(0.9) ? call.principal : "mallory",
      given: {
        id: drawId(random),
        by: random.chance(0.7) ? { type: "retry" } : replay,
        queue,
        priority,
        concurrency,
        retentionMs,
        startByMs: random.chance(0.15) ? 100 + random.below(8_000) : null,
        deadlineMs: random.chance(0.2) ? 100 + random.below(20_000) : null,
      },
    };
  }
}
