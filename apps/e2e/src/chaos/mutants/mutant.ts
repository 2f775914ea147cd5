import type { FaultKind } from "../fault-kind.ts";
import type { Stops } from "../nemesis.ts";
import type { SourcePatch } from "../patch/source-patch.ts";

/** A product with a fault. */
export interface Mutant {
  readonly name: string;
  readonly patches: readonly SourcePatch[];
  /** The promises that it breaks, one of which must be found broken: any other finding would catch it by chance. */
  readonly breaks: readonly string[];
  /** What must happen for the fault to show. */
  readonly faults: readonly FaultKind[];
  /** `false`: its fault shows when notifications are off. */
  readonly listen: boolean;
  /** The workers' lease, the pause between two faults and how processes are stopped, if they must be others than the run's for the fault to show. */
  readonly pace?: { readonly leaseMs: number; readonly pauseMs: number; readonly stops: Stops };
}

/**
 * For a fault that zombies alone show: a worker that stands still must lose its calls, and wake while another runs them. Where all of them stand
 * still all the time nobody takes over; where one stands still for longer than the attempt after it, there is nothing left to spoil. While the API
 * stands still nothing is begun.
 */
export const zombies = {
  faults: ["sigstop"],
  listen: true,
  pace: { leaseMs: 700, pauseMs: 2_000, stops: { ms: [2_500, 4_000], sparesApi: true } },
} as const;
