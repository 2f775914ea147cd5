import { type AttemptRef, type ClaimedCall, type Settlement, replyPlace } from "@raincheck/engine";
import type { Random } from "../../chaos/random.ts";
import { Actor } from "./actor.ts";

interface Taken {
  readonly call: ClaimedCall;
  /** What it is settled with: repeated as it is until the engine has answered. */
  end: Settlement | null;
  isAsking: boolean;
}

const leaseMs = 2_000;
const slots = 3;
const { queue } = replyPlace("billing");

/** Takes replies, some of which fail in its hands. It extends no lease: what it is too slow for comes again. */
export class ReplyTaker extends Actor {
  #taken: Taken[] = [];
  #isClaiming = false;

  override get isDone(): boolean {
    return this.#taken.length === 0;
  }

  override act(random: Random): void {
    const idle = this.#taken.filter(({ isAsking }) => !isAsking);
    if (idle.length > 0 && random.chance(0.7)) return this.#settle(random.pick(idle), random);
    if (!this.#isClaiming && this.#taken.length < slots) this.#claim();
  }

  protected override forget(): void {
    this.#taken = [];
    this.#isClaiming = false;
  }

  #claim(): void {
    this.#isClaiming = true;
    const { engine, link } = this.stage;
    const limit = slots - this.#taken.length;
    link.send({
      life: this.life,
      name: `${this.name} claim`,
      ask: () => engine.claimReplies({ worker: this.name, queues: [queue], limit, leaseMs }),
      receive: (answer) => {
        this.#isClaiming = false;
        if (answer.type !== "value") return;
        for (const call of answer.value) this.#taken.push({ call, end: null, isAsking: false });
      },
    });
  }

  #settle(taken: Taken, random: Random): void {
    const { engine, link } = this.stage;
    const attempt: AttemptRef = { id: taken.call.id, attempt: taken.call.attempt };
    taken.end ??= drawEnd(random);
    const { end } = taken;
    taken.isAsking = true;
    link.send({
      life: this.life,
      name: `${this.name} settle ${attempt.id} as ${end.type}`,
      ask: () => engine.settle(attempt, end),
      receive: (answer) => {
        taken.isAsking = false;
        if (answer.type !== "unavailable") this.#taken = this.#taken.filter((one) => one !== taken);
      },
    });
  }
}

function drawEnd(random: Random): Settlement {
  const failure = { code: "E", message: "the line is down" };
  const how = random.weighted({ succeeded: 7, failed: 1, retrying: 2 });
  if (how === "succeeded") return { type: how, output: "null" };
  return how === "failed" ? { type: how, failure } : { type: how, reason: "failed", failure, delayMs: random.below(1_000) };
}
