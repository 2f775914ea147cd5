/**
 * What is really in the database of one import: counted in the tables themselves, the ledger's included, as an operator would
 * with `psql`. An application has no need for it; a demonstration of "exactly once" has.
 */
import type { CallEventType } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";
import { z } from "zod";
import { transaction } from "../database.ts";
import { exampleSchema, ledgerSchema } from "../settings.ts";
import type { User } from "../users.ts";

/** Input of `flights.audit`. */
export const AuditInput = z.object({ importId: z.uuid() });

/** Output of `flights.audit`. */
export interface ImportAudit {
  /** Rows in the table of flights. */
  readonly flights: number;
  /** Rows in the table of imports. */
  readonly imports: number;
  /** Attempts that began. */
  readonly attempts: number;
  /** Attempts that ended with the death of their worker. */
  readonly crashes: number;
  /** How many events of each type the ledger has, in the order in which each came first. */
  readonly events: readonly { readonly type: CallEventType; readonly count: number }[];
}

/** What {@link auditImport} gets from its procedure. */
export interface AuditImportOptions {
  readonly input: z.output<typeof AuditInput>;
  readonly ctx: { readonly user: User };
}

/** Counts. */
export async function auditImport({ input, ctx }: AuditImportOptions): Promise<ImportAudit> {
  const { importId } = input;
  return transaction(async (sql) => {
    const [call] = await sql<{ attempt: number; crashes: number }[]>`
      select attempt, crashes from ${sql(ledgerSchema)}.call where id = ${importId} and principal = ${ctx.user.id}`;
    if (call === undefined) throw new TRPCError({ code: "NOT_FOUND", message: `There is no call ${importId}, or it is not yours.` });
    const events = await sql<{ type: CallEventType; count: number }[]>`
      select type, count(*)::int as count from ${sql(ledgerSchema)}.call_event where call_id = ${importId} group by type order by min(seq)`;
    const [rows] = await sql<{ flights: number; imports: number }[]>`
      select
        (select count(*)::int from ${sql(exampleSchema)}.flight where import_id = ${importId}) as flights,
        (select count(*)::int from ${sql(exampleSchema)}.import where id = ${importId}) as imports`;
    return { flights: rows!.flights, imports: rows!.imports, attempts: call.attempt, crashes: call.crashes, events: [...events] };
  });
}
