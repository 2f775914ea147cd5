import type { Random } from "../../chaos/random.ts";
import type { FaultyLink, Life } from "../faulty-link.ts";
import type { AuditedEngine } from "../ledger/audited-engine.ts";
import type { Tally } from "../tally.ts";
import type { Witness } from "../witness.ts";

/** What every actor shares with the others. */
export interface Stage {
  readonly engine: AuditedEngine;
  readonly link: FaultyLink;
  readonly witness: Witness;
  readonly tally: Tally;
  /** Actors begin nothing new: only what was begun is brought to its end. */
  isQuiet: boolean;
}

/** Somebody at the other end of the link. What it knows it keeps in memory, and forgets in a crash. */
export abstract class Actor {
  readonly name: string;
  readonly stage: Stage;
  life: Life = { isOver: false, isFrozen: false };

  constructor(name: string, stage: Stage) {
    this.name = name;
    this.stage = stage;
  }

  /** Takes one step of its own, unless it has none to take. */
  abstract act(random: Random): void;

  /** Whether nothing of what it began is left to do. */
  abstract get isDone(): boolean;

  /** Ends its life, with all that it knew, and begins another. */
  crash(): void {
    this.life.isOver = true;
    this.life = { isOver: false, isFrozen: false };
    this.forget();
  }

  /** Loses what it knew. */
  protected abstract forget(): void;
}
