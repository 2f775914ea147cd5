import type { ReportRow } from "../flights/report.ts";

/** What a minute of delay costs an airport, in cents. */
export const centsPerMinute = 75;

/** What one airport owes. */
export interface InvoiceLine {
  readonly airport: string;
  readonly place: string;
  readonly flights: number;
  readonly delayMinutes: number;
  readonly cents: number;
}

/** What the airports owe. */
export interface Invoice {
  /** One for each airport, the largest first. */
  readonly lines: readonly InvoiceLine[];
  readonly delayMinutes: number;
  readonly cents: number;
}

/** Bills each airport for the delays of the flights that left it. Rows without an airport have nobody to bill. */
export function makeInvoice(rows: readonly ReportRow[]): Invoice {
  const lines = new Map<string, InvoiceLine>();
  for (const { airport, place, flights, delayMinutes } of rows) {
    if (airport === null) continue;
    const before = lines.get(airport);
    const minutes = (before?.delayMinutes ?? 0) + delayMinutes;
    lines.set(airport, {
      airport,
      place: place ?? "",
      flights: (before?.flights ?? 0) + flights,
      delayMinutes: minutes,
      cents: minutes * centsPerMinute,
    });
  }
  const sorted = [...lines.values()].sort((a, b) => b.cents - a.cents || a.airport.localeCompare(b.airport));
  const delayMinutes = sorted.reduce((sum, line) => sum + line.delayMinutes, 0);
  return { lines: sorted, delayMinutes, cents: delayMinutes * centsPerMinute };
}
