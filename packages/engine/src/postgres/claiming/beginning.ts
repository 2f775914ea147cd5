import type { TransactionSql } from "postgres";
import type { ClaimedCall, ClaimRequest } from "../../claim-request.ts";
import { admit } from "./admit.ts";
import type { Ledger } from "../ledger.ts";
import { markRunning, toClaimedCall } from "./mark-running.ts";
import type { Places } from "../aside/places.ts";

/** The calls that one claim begins, in its transaction. */
export interface Beginning {
  /** Those that have begun. */
  readonly claimed: ClaimedCall[];
  /** Paths whose gate is to be opened after the commit. */
  readonly unseen: string[];
  /** Begins, of calls of one queue, those that can begin: limited ones if they are admitted. */
  beginCalls(ids: readonly string[]): Promise<void>;
}

/** Makes the beginning of one claim. */
export function makeBeginning(
  ledger: Ledger,
  transaction: TransactionSql,
  { worker, leaseMs, places }: Pick<ClaimRequest, "worker" | "leaseMs"> & { readonly places: Places },
): Beginning {
  const claimed: ClaimedCall[] = [];
  const unseen: string[] = [];
  let holdsLocks = false;
  return {
    claimed,
    unseen,
    async beginCalls(ids) {
      if (ids.length === 0) return;
      const begun = [...(await markRunning(ledger, transaction, { worker, leaseMs, ids, limited: false }))];
      if (begun.length < ids.length) {
        const known = new Set(begun.map(({ id }) => id));
        const admission = await admit(ledger, transaction, { ids: ids.filter((id) => !known.has(id)), holdsLocks });
        holdsLocks ||= admission.hasLocked;
        unseen.push(...admission.unseen);
        if (admission.ids.length > 0) {
          begun.push(...(await markRunning(ledger, transaction, { worker, leaseMs, ids: admission.ids, limited: true })));
          begun.sort((a, b) => b.priority - a.priority || a.created_at.getTime() - b.created_at.getTime());
        }
      }
      for (const { path } of begun) places.take(path);
      claimed.push(...begun.map(toClaimedCall));
    },
  };
}
