import type { AttemptRef, ClaimedCall, Settlement, Withheld } from "@raincheck/engine";
import type { Random } from "../../chaos/random.ts";
import type { Answer } from "../faulty-link.ts";
import { Actor } from "./actor.ts";
import { drawCall, policies } from "./draw-call.ts";
import { drawSettlement } from "./draw-settlement.ts";

interface Run {
  readonly call: ClaimedCall;
  /** What it is settled with, from its end on: repeated as it is until the engine has answered. */
  end: Settlement | null;
  /** By `commit`, not by `settle`. */
  commits: boolean;
  isAsking: boolean;
  /** How many values the engine has said to have of it. */
  yielded: number;
}

const leaseMs = 2_000;
const slots = 3;
const giveUpAfterMs = 4_000;
const paths = Object.keys(policies);

/**
 * Claims, extends, reports and settles, as the engine's port asks of a worker. It is a careless one: it goes on with attempts that it was
 * told to have lost, so that only the fence stands between a zombie and the ledger.
 */
export class SimulatedWorker extends Actor {
  #runs: Run[] = [];
  #isClaiming = false;
  #isExtending = false;
  /** The procedures of this life that it has not, and those that fail, of which it takes one at a claim. */
  #lacks: readonly string[] = [];
  #fails: readonly string[] = [];
  /** Those of the lacking ones that it knows of: it has met a call of them. */
  readonly #met = new Set<string>();

  override get isDone(): boolean {
    return this.#runs.length === 0;
  }

  override act(random: Random): void {
    const idle = this.#runs.filter(({ isAsking }) => !isAsking);
    const hasRoom = !this.#isClaiming && this.#runs.length < slots;
    const weight = (does: boolean, heaviness: number): number => (does ? heaviness : 0);
    const fresh = idle.filter(({ end }) => end === null);
    const { isQuiet } = this.stage;
    const what = random.weighted({
      nothing: 0.1,
      claim: weight(hasRoom, 4),
      extend: weight(!this.#isExtending && this.#runs.length > 0, 3),
      settle: weight(idle.length > 0, isQuiet ? 10 : 4),
      report: weight(fresh.length > 0 && !isQuiet, 1.5),
      append: weight(fresh.length > 0 && !isQuiet, 1),
      startChild: weight(idle.length > 0 && !isQuiet, 1.2),
      drain: weight(fresh.length > 1 && !isQuiet, 0.15),
      vouch: weight(!isQuiet, 0.3),
      deploy: weight(!isQuiet && this.#runs.length === 0, 0.3),
    });
    switch (what) {
      case "nothing":
        return;
      case "claim":
        return this.#claim(random);
      case "extend":
        return this.#extend();
      case "settle":
        return this.#settle(random.pick(idle), random);
      case "report":
        return this.#report(random.pick(fresh), random);
      case "append":
        return this.#append(random.pick(fresh), random);
      case "startChild":
        return this.#startChild(random.pick(idle), random);
      case "vouch":
        return this.#vouch();
      case "deploy":
        return this.#deploy(random);
      case "drain":
        for (const run of fresh) {
          run.end = { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 };
          this.#settle(run, random);
        }
        return;
      default:
        return what satisfies never;
    }
  }

  protected override forget(): void {
    this.#runs = [];
    this.#isClaiming = this.#isExtending = false;
    this.#lacks = this.#fails = [];
    this.#met.clear();
  }

  /** Goes on as another release: it may lack a procedure, and another may fail. */
  #deploy(random: Random): void {
    this.#lacks = random.chance(0.5) ? [random.pick(paths)] : [];
    this.#fails = random.chance(0.3) ? [random.pick(paths)] : [];
    this.#met.clear();
  }

  #withheld(): readonly Withheld[] {
    const lacking = Array.from(this.#met, (path) => ({ path, places: 0, giveUpAfterMs }));
    const failing = this.#fails.filter((path) => !this.#met.has(path)).map((path) => ({ path, places: 1, giveUpAfterMs: null }));
    return this.stage.isQuiet ? [] : [...lacking, ...failing];
  }

  #vouch(): void {
    const { engine, link } = this.stage;
    const known = paths.filter((path) => !this.#lacks.includes(path));
    link.send({
      life: this.life,
      name: `${this.name} vouch`,
      ask: () => engine.vouch(["default", "other"], known, giveUpAfterMs),
      receive: () => undefined,
    });
  }

  #claim(random: Random): void {
    this.#isClaiming = true;
    const { engine, link } = this.stage;
    const queues = random.chance(0.7) || this.stage.isQuiet ? ["default", "other"] : ["default"];
    const limit = slots - this.#runs.length;
    const withheld = this.#withheld();
    link.send({
      life: this.life,
      name: `${this.name} claim`,
      ask: () => engine.claim({ worker: this.name, queues, limit, leaseMs, withheld }),
      receive: (answer) => {
        this.#isClaiming = false;
        if (answer.type !== "value") return;
        for (const call of answer.value) this.#runs.push({ call, end: null, commits: false, isAsking: false, yielded: 0 });
      },
    });
  }

  #extend(): void {
    this.#isExtending = true;
    const { engine, link, isQuiet } = this.stage;
    const attempts = this.#runs.map(refOf);
    link.send({
      life: this.life,
      name: `${this.name} extend`,
      ask: () => engine.extend(attempts, leaseMs),
      receive: (answer, random) => {
        this.#isExtending = false;
        if (answer.type !== "value") return;
        for (const lost of answer.value) {
          if (isQuiet || random.chance(0.5))
            this.#runs = this.#runs.filter(({ call }) => call.id !== lost.id || call.attempt !== lost.attempt);
        }
      },
    });
  }

  #report(run: Run, random: Random): void {
    const { engine, link } = this.stage;
    const progress = `${random.below(100)}`;
    link.send({
      life: this.life,
      name: `${this.name} report ${run.call.id}`,
      ask: () => engine.report(refOf(run), progress),
      receive: () => undefined,
    });
  }

  /** Without an answer the next batch goes over the same places again, if need be with other values. */
  #append(run: Run, random: Random): void {
    const { engine, link } = this.stage;
    const after = run.yielded;
    const values = Array.from({ length: 1 + random.below(3) }, () => `${random.below(3)}`);
    link.send({
      life: this.life,
      name: `${this.name} append ${run.call.id}`,
      ask: () => engine.append(refOf(run), { after, values }),
      receive: (answer) => {
        if (answer.type === "value" && answer.value === "settled") run.yielded = Math.max(run.yielded, after + values.length);
      },
    });
  }

  #startChild(run: Run, random: Random): void {
    const { engine, link, witness } = this.stage;
    const call = { ...drawCall(random), principal: run.call.principal, startedBy: refOf(run), detached: random.chance(0.2) };
    link.send({
      life: this.life,
      name: `${this.name} accept ${call.id} of ${run.call.id}`,
      ask: () => engine.accept(call),
      receive: (answer) => {
        if (answer.type === "value") witness.accepted({ ...call, id: answer.value.id });
      },
    });
  }

  #settle(run: Run, random: Random): void {
    const { engine, link, witness } = this.stage;
    if (run.end === null && this.#lacks.includes(run.call.path) && !this.stage.isQuiet) {
      this.#met.add(run.call.path);
      run.end = { type: "unknown", giveUpAfterMs };
    }
    if (run.end === null) {
      run.end = drawSettlement(run.call, random);
      run.commits = run.end.type === "succeeded" && random.chance(0.3);
    }
    const { end } = run;
    run.isAsking = true;
    const receive = (answer: Answer<"settled" | "stale">): void => {
      run.isAsking = false;
      if (answer.type === "unavailable") return;
      this.#runs = this.#runs.filter((one) => one !== run);
      if (end.type === "succeeded" && answer.type === "value" && answer.value === "settled") witness.succeeded(run.call.id, end.output);
    };
    link.send({
      life: this.life,
      name: `${this.name} ${run.commits ? "commit" : "settle"} ${run.call.id} as ${end.type}`,
      ask: async () => {
        if (!run.commits || end.type !== "succeeded") return engine.settle(refOf(run), end);
        await engine.commit(refOf(run), end.output);
        return "settled";
      },
      receive,
    });
  }
}

function refOf({ call: { id, attempt } }: Run): AttemptRef {
  return { id, attempt };
}
