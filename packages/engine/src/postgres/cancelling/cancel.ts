import type { CallId, CallState } from "@raincheck/protocol";
import type { Reader } from "../../call-record.ts";
import type { Cancellation } from "../../cancellation.ts";
import { type CancelledRow, cancelRows } from "./cancel-rows.ts";
import type { Ledger } from "../ledger.ts";
import { passOnCancels } from "./pass-on-cancels.ts";
import { whileAvailable } from "../sessions/unavailable.ts";
import { tellEnds } from "../settling/tell-ends.ts";

/** See `Engine.cancel`. Its delivery, if one waits, is dropped when it is taken. */
export async function cancel(ledger: Ledger, target: { id: CallId; reader: Reader }, reason: string | null): Promise<Cancellation | null> {
  const [cancelled] = await whileAvailable("cancel", () => cancelOne(ledger, target, reason));
  if (cancelled !== undefined) {
    tellEnds(ledger, [cancelled]);
    // What fails here is left to the keeper: the call itself is cancelled.
    if (cancelled.cancelling) await passOnCancels(ledger).catch(() => undefined);
    return { cancelled: true, state: "cancelled" };
  }
  const state = await whileAvailable("cancel", () => readState(ledger, target));
  return state === null ? null : { cancelled: false, state };
}

function cancelOne({ schema, control }: Ledger, target: { id: CallId; reader: Reader }, reason: string | null): Promise<CancelledRow[]> {
  return control.use((sql) =>
    cancelRows(
      schema,
      sql,
      sql`
      select id, ${reason}::text as reason from ${sql(schema)}.call
      where id = ${target.id} and state in ('queued', 'running') and (principal is null or principal = ${target.reader.principal})
      for update`,
    ),
  );
}

async function readState({ schema, control }: Ledger, { id, reader }: { id: CallId; reader: Reader }): Promise<CallState | null> {
  const [row] = await control.use(
    (sql) => sql<{ state: CallState }[]>`
    select state from ${sql(schema)}.call where id = ${id} and (principal is null or principal = ${reader.principal})`,
  );
  return row?.state ?? null;
}
