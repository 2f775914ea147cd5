import type { Policy } from "@raincheck/protocol";
import type { AnyTRPCProcedure } from "@trpc/server";

import type { RaincheckCore } from "./raincheck-core.ts";

const markKey = "~raincheck";

/** What a deferrable procedure's function carries under `~raincheck`: the run-time side of `DeferrableBrand`. */
export interface DeferrableMark {
  readonly deferrable: true;
  readonly policy: Policy;
  /** Whether its resolver is an `async function*`. */
  readonly streams: boolean;
  /** The raincheck that made it: another one would look for its calls in another ledger. */
  readonly core: RaincheckCore;
}

/** Marks a procedure as deferrable. */
export function markDeferrable(procedure: AnyTRPCProcedure, mark: DeferrableMark): void {
  Object.defineProperty(procedure, markKey, { value: Object.freeze(mark) });
}

/** The mark of a procedure; `null` when it is not deferrable. */
export function deferrableMark(procedure: AnyTRPCProcedure): DeferrableMark | null {
  const mark: unknown = Reflect.get(procedure, markKey);
  return typeof mark === "object" && mark !== null && "deferrable" in mark ? (mark as DeferrableMark) : null;
}
