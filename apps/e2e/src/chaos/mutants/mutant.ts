import type { FaultKind } from "../fault-kind.ts";
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
}
