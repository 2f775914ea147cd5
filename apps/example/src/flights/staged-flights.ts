import type { TransactionSql } from "postgres";
import { exampleSchema } from "../settings.ts";
import type { DatasetName } from "./datasets.ts";
import type { Flight } from "./flight.ts";

/** Rows in one insert: a statement of some hundred kilobytes. */
const insertRows = 10_000;

/** What an import is, beside its flights. */
export interface ImportLabel {
  readonly importId: string;
  readonly dataset: DatasetName;
  readonly importedBy: string;
}

/** The flights of an import until they are inserted: gathered without a transaction, which so stays short. */
export class StagedFlights {
  readonly #flights: Flight[] = [];

  /** How many there are. */
  get count(): number {
    return this.#flights.length;
  }

  /** Adds one. */
  add(flight: Flight): void {
    this.#flights.push(flight);
  }

  /** Inserts all of them, and the import. */
  async insert(sql: TransactionSql, { importId, dataset, importedBy }: ImportLabel): Promise<void> {
    await sql`
      insert into ${sql(exampleSchema)}.import (id, dataset, imported_by, flights)
      values (${importId}, ${dataset}, ${importedBy}, ${this.count})`;
    for (let from = 0; from < this.count; from += insertRows) {
      // Columns instead of rows: seven parameters, however many flights.
      const flights = this.#flights.slice(from, from + insertRows);
      await sql`
        insert into ${sql(exampleSchema)}.flight
          (import_id, origin, destination, flown_at, minute_of_day, delay_minutes, distance_miles)
        select ${importId}, * from unnest(
          ${flights.map(({ origin }) => origin)}::text[],
          ${flights.map(({ destination }) => destination)}::text[],
          ${flights.map(({ flownAt }) => flownAt)}::text[]::timestamp[],
          ${flights.map(({ minuteOfDay }) => minuteOfDay)}::smallint[],
          ${flights.map(({ delayMinutes }) => delayMinutes)}::smallint[],
          ${flights.map(({ distanceMiles }) => distanceMiles)}::smallint[]
        )`;
    }
  }
}
