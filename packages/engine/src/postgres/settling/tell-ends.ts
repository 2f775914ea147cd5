import type { Ledger } from "../ledger.ts";
import { type RepliedRow, wakeReplies } from "../replying/reply-rows.ts";

/** What a statement that ends calls, or attempts at them, answers of each. */
export interface EndedRow extends RepliedRow {
  readonly id: string;
  /** `null`: the call is not limited. */
  readonly limited_path: string | null;
}

/** Tells of ends, once they are committed: those who follow the calls, those who take replies, and those who wait for room. */
export function tellEnds(ledger: Ledger, rows: readonly EndedRow[]): void {
  ledger.wakes.changed(rows.map(({ id }) => id));
  wakeReplies(ledger, rows);
  void ledger.gate.open(rows.map((row) => row.limited_path));
}
