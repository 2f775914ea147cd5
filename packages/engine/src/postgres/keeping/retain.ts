import type { Ledger } from "../ledger.ts";
import type { Sessions } from "../sessions/sessions.ts";

/** Calls deleted in one pass. */
const passCalls = 1_000;

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
      select id from ${sql(schema)}.call
      where state not in ('queued', 'running') and due_at < now() and not cancelling and not reply_due
      order by due_at limit ${passCalls} for update skip locked
    ), gone as (
      delete from ${sql(schema)}.call where id = any(array(select id from old)) returning id
    )
    delete from ${sql(schema)}.event where call_id = any(array(select id from gone))`,
  );
}
