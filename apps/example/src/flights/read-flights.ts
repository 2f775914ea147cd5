import { createReadStream } from "node:fs";
import { type DatasetName, datasetFile } from "./datasets.ts";
import { type Flight, toFlight } from "./flight.ts";
import { readJsonArray } from "./json-array.ts";

/** How to read a dataset. */
export interface ReadFlightsOptions {
  /** Flights in a chunk; the last may hold fewer. */
  readonly chunkFlights: number;
  /** Aborts the reading: the iteration rejects. */
  readonly signal?: AbortSignal | undefined;
}

/** Reads a dataset in chunks, checking each record; the whole file is never in memory. */
export async function* readFlights(dataset: DatasetName, options: ReadFlightsOptions): AsyncGenerator<readonly Flight[], void, undefined> {
  const { chunkFlights, signal } = options;
  const file = createReadStream(datasetFile(`${dataset}.json`), { encoding: "utf8", ...(signal && { signal }) });
  let chunk: Flight[] = [];
  let read = 0;
  for await (const record of readJsonArray(file)) {
    chunk.push(toFlight(record, read));
    read += 1;
    if (chunk.length < chunkFlights) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
