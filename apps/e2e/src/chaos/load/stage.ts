import type { Historian } from "../history.ts";
import type { Random } from "../random.ts";
import { type ChaosClient, clientOf } from "./clients.ts";

/** The clients of a run. */
export interface Stage {
  readonly note: Historian;
  readonly random: Random;
  /** Aborted when the run is given up; whoever waits stops waiting. */
  readonly signal: AbortSignal;
  readonly owners: readonly string[];
  /** Of each owner the first client, and a second one as in another tab. */
  readonly clients: ReadonlyMap<string, readonly [ChaosClient, ChaosClient]>;
  /** For keys that nobody else has. */
  readonly nextKey: () => string;
}

/** Sets the stage in front of an API. */
export function setStage(options: Pick<Stage, "note" | "random" | "signal"> & { readonly url: string }): Stage {
  const owners = ["ada", "bob", "cyd", "dee"];
  let keys = 0;
  return {
    ...options,
    owners,
    clients: new Map(owners.map((owner) => [owner, [clientOf(options.url, owner), clientOf(options.url, owner)]])),
    nextKey: () => `key-${(keys += 1)}`,
  };
}
