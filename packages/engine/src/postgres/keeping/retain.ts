import type { Ledger } from "../ledger.ts";
import type { Sessions } from "../sessions/sessions.ts";

/** Calls deleted in one pass. */
const passCalls = 1_000;

/** Events deleted in one pass, and those of one call beyond: a call that streams has thousands, and a statement has its time limit. */
const passEvents = 20_000;

/**
 * Deletes ended calls, with their events, whose retention has passed. A call that has not ended is never deleted, nor one whose
 * cancel is still to be passed on, or whose reply is still to be written.
 */
export async function deleteRetained({
  schema,
  control,
}: Pick<Ledger, "schema"> & { readonly control: Pick<Sessions, "use"> }): Promise<void> {
  await control.use(
    (sql) => sql`
    with old as (
      select id, seq from ${sql(schema)}.call
      where state not in ('queued', 'running') and due_at < now() and not cancelling and not reply_due
      order by due_at limit ${passCalls} for update skip locked
    ), counted as (
      select id, sum(seq) over (order by id rows between unbounded preceding and 1 preceding) as before from old
    ), gone as (
      delete from ${sql(schema)}.call
      where id = any(array(select id from counted where before is null or before < ${passEvents})) returning id
    )
    delete from ${sql(schema)}.event where call_id = any(array(select id from gone))`,
  );
}
