/** Stands for the work of a real application: slow, and worth not doing twice. */
export async function makeReport(year: number, signal?: AbortSignal): Promise<Report> {
  const delayed: number[] = [];
  for (let month = 1; month <= 12; month += 1) {
    signal?.throwIfAborted();
    delayed.push(await delayedFlights(year, month));
  }
  return { year, delayed };
}

/** How many flights were late, month by month. */
export interface Report {
  readonly year: number;
  readonly delayed: readonly number[];
}

async function delayedFlights(year: number, month: number): Promise<number> {
  const bytes = new TextEncoder().encode(`${year}-${month}`);
  return new DataView(await crypto.subtle.digest("SHA-256", bytes)).getUint16(0);
}
