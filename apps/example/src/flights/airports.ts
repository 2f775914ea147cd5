import { readFile } from "node:fs/promises";
import { z } from "zod";
import { parseCsv } from "./csv.ts";
import { datasetFile } from "./datasets.ts";
import type { Position } from "./great-circle.ts";

/** An airport of the United States. */
export interface Airport extends Position {
  readonly iata: string;
  readonly city: string;
  readonly state: string;
}

const AirportRecord = z.object({
  iata: z.string().min(3),
  city: z.string(),
  state: z.string(),
  latitude: z.coerce.number().min(-90).max(90),
  longitude: z.coerce.number().min(-180).max(180),
});

let reading: Promise<ReadonlyMap<string, Airport>> | undefined;

/** The airports by IATA code; the file is read once in a process. */
export function readAirports(): Promise<ReadonlyMap<string, Airport>> {
  return (reading ??= readFile(datasetFile("airports.csv"), "utf8").then(
    (text) =>
      new Map(
        parseCsv(text)
          .map((record) => AirportRecord.parse(record))
          .map((airport) => [airport.iata, airport]),
      ),
  ));
}
