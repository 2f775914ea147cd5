import type { CallId, CallState } from "@raincheck/protocol";
import type { Cancellation, Reader } from "../engine.ts";
import type { Ledger } from "./ledger.ts";
import { whileAvailable } from "./unavailable.ts";

/** See `Engine.cancel`. Its delivery, if one waits, is dropped when it is taken. */
export async function cancel(ledger: Ledger, target: { id: CallId; reader: Reader }, reason: string | null): Promise<Cancellation | null> {
  const [cancelled] = await whileAvailable("cancel", () => cancelRow(ledger, target, reason));
  if (cancelled !== undefined) {
    ledger.wakes.changed([target.id]);
    void ledger.gate.open([cancelled.limited_path]);
    return { cancelled: true, state: "cancelled" };
  }
  const state = await whileAvailable("cancel", () => readState(ledger, target));
  return state === null ? null : { cancelled: false, state };
}

function cancelRow(
  { schema, control }: Ledger,
  target: { id: CallId; reader: Reader },
  reason: string | null,
): Promise<{ limited_path: string | null }[]> {
  return control.use(
    (sql) => sql<{ limited_path: string | null }[]>`
    with cancelled as (
      update ${sql(schema)}.call set
        state = 'cancelled', seq = seq + 1, cancel_reason = ${reason}, worker = null, parked = false, ended_at = now(), expires_at = null,
        due_at = now() + retention_ms * interval '1 millisecond'
      where id = ${target.id} and state in ('queued', 'running') and (principal is null or principal = ${target.reader.principal})
      returning id, seq, attempt, case when concurrency is not null then path end as limited_path
    ), noted as (
      insert into ${sql(schema)}.event (call_id, seq, type, at, attempt)
      select id, seq, 'cancelled', now(), attempt from cancelled
    )
    select limited_path from cancelled`,
  );
}

async function readState({ schema, control }: Ledger, { id, reader }: { id: CallId; reader: Reader }): Promise<CallState | null> {
  const [row] = await control.use(
    (sql) => sql<{ state: CallState }[]>`
    select state from ${sql(schema)}.call where id = ${id} and (principal is null or principal = ${reader.principal})`,
  );
  return row?.state ?? null;
}
