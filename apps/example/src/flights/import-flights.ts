import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type CallContext, FinalError } from "@raincheck/server";
import type { TransactionSql } from "postgres";
import { z } from "zod";
import { processName } from "../settings.ts";
import type { User } from "../users.ts";
import { readAirports } from "./airports.ts";
import { checkDistance } from "./check-distance.ts";
import { DatasetName, datasetFlights } from "./datasets.ts";
import type { ImportProgress } from "./import-progress.ts";
import { readFlights } from "./read-flights.ts";
import { StagedFlights } from "./staged-flights.ts";

/** Input of `flights.import`. */
export const ImportInput = z.object({
  dataset: DatasetName,
  /**
   * A pause after each chunk of {@link chunkFlights}, in milliseconds. Default 0. Only demonstrations need it: reading and checking 20,000
   * flights takes a part of a second, too short to kill anybody in.
   */
  paceMs: z.int().min(0).max(1_000).default(0),
});

/** Output of `flights.import`. */
export interface ImportedFlights {
  /** Names the import: the call's id. */
  readonly importId: string;
  readonly dataset: DatasetName;
  readonly flights: number;
  /** How many distances were compared with the coordinates of their airports. */
  readonly checkedDistances: number;
  /** How far the worst of them was off, in miles; `null` when none was checked. */
  readonly farthestOffMiles: number | null;
}

/** Flights in a chunk: between two chunks progress is told, and the signal is heard. */
const chunkFlights = 500;

/** What {@link importFlights} gets from its procedure. */
export interface ImportFlightsOptions {
  readonly input: z.output<typeof ImportInput>;
  readonly ctx: { readonly user: User; readonly call: CallContext<TransactionSql, ImportedFlights> };
  readonly signal: AbortSignal | undefined;
}

/**
 * Reads a dataset, checks every flight, and then commits all rows and the result at once. However often it is attempted, and
 * wherever an attempt dies, the rows are there once or not at all.
 */
export async function importFlights({ input, ctx, signal }: ImportFlightsOptions): Promise<ImportedFlights> {
  const { dataset, paceMs } = input;
  const total = datasetFlights[dataset];
  const airports = await readAirports();
  const staged = new StagedFlights();
  let checkedDistances = 0;
  let farthestOffMiles: number | null = null;

  for await (const chunk of readFlights(dataset, { chunkFlights, signal })) {
    for (const flight of chunk) {
      const offMiles = checkDistance(flight, airports);
      if (offMiles !== null) {
        checkedDistances += 1;
        farthestOffMiles = Math.max(farthestOffMiles ?? 0, offMiles);
      }
      staged.add(flight);
    }
    const message = `${staged.count.toLocaleString("en")} of ${total.toLocaleString("en")} flights read and checked`;
    ctx.call.progress({ done: staged.count, total, message, worker: processName } satisfies ImportProgress);
    if (paceMs > 0) await sleep(paceMs, undefined, signal && { signal });
    signal?.throwIfAborted();
  }
  if (staged.count !== total) {
    throw new FinalError(`${dataset} holds ${staged.count} flights, and should hold ${total}.`, { code: "INCOMPLETE_FILE" });
  }

  return ctx.call.commit(async (sql) => {
    // In sync mode there is no call, and so no id of one.
    const importId = ctx.call.id ?? randomUUID();
    await staged.insert(sql, { importId, dataset, importedBy: ctx.user.id });
    return { importId, dataset, flights: staged.count, checkedDistances, farthestOffMiles };
  });
}
