import type { CallContext } from "@raincheck/server";
import { TRPCError } from "@trpc/server";
import type { TransactionSql } from "postgres";
import type { z } from "zod";
import { exampleSchema } from "../settings.ts";
import { readAirports } from "./airports.ts";
import { type Report, type ReportInput, lateAfterMinutes } from "./report.ts";

/** What {@link reportFlights} gets from its procedure. */
export interface ReportFlightsOptions {
  readonly input: z.output<typeof ReportInput>;
  readonly ctx: { readonly call: CallContext<TransactionSql, Report> };
}

interface GroupRow {
  readonly airport: string | null;
  readonly hour: number;
  readonly flights: number;
  readonly mean_delay_minutes: number;
  readonly late_share: number;
  readonly delay_minutes: number;
  readonly all_flights: number;
  readonly groups: number;
}

/** Adds up an import per airport and hour of the day. */
export async function reportFlights({ input, ctx }: ReportFlightsOptions): Promise<Report> {
  const { importId, top } = input;
  const airports = await readAirports();
  // Read and settled in one transaction: the result is of the very state that it was read from.
  return ctx.call.commit(async (sql) => {
    const groups = await groupRows(sql, importId, top);
    const [first] = groups;
    if (first === undefined) throw new TRPCError({ code: "NOT_FOUND", message: `There is no import ${importId}.` });
    return {
      importId,
      flights: first.all_flights,
      groups: first.groups,
      rows: groups.map(({ airport, hour, flights, mean_delay_minutes, late_share, delay_minutes }) => {
        const at = airport === null ? undefined : airports.get(airport);
        return {
          airport,
          place: at === undefined ? null : `${at.city}, ${at.state}`,
          hour,
          flights,
          meanDelayMinutes: mean_delay_minutes,
          lateShare: late_share,
          delayMinutes: delay_minutes,
        };
      }),
    };
  });
}

function groupRows(sql: TransactionSql, importId: string, top: number): Promise<GroupRow[]> {
  return sql<GroupRow[]>`
    select
      origin as airport,
      minute_of_day / 60 as hour,
      count(*)::int as flights,
      avg(delay_minutes)::float8 as mean_delay_minutes,
      avg((delay_minutes > ${lateAfterMinutes})::int)::float8 as late_share,
      sum(greatest(delay_minutes, 0))::int as delay_minutes,
      sum(count(*)) over ()::int as all_flights,
      count(*) over ()::int as groups
    from ${sql(exampleSchema)}.flight
    where import_id = ${importId}
    group by origin, minute_of_day / 60
    order by count(*) desc, origin, hour
    limit ${top}`;
}
