import { FinalError } from "@raincheck/server";
import { z } from "zod";

/** One flight, as the table keeps it. Times are local times of the airport that the source has them of; no zone is known. */
export interface Flight {
  /** IATA code; `null` in a dataset without airports. */
  readonly origin: string | null;
  readonly destination: string | null;
  /** `2001-01-31 17:05`; `null` in a dataset without dates. */
  readonly flownAt: string | null;
  /** From 0 to 1439. */
  readonly minuteOfDay: number;
  /** Below zero: early. */
  readonly delayMinutes: number;
  readonly distanceMiles: number;
}

const measures = { delay: z.int(), distance: z.int().positive() };
const airport = z.string().regex(/^[A-Z0-9]{3}$/);

/** A record of `flights-20k.json`. */
const DatedRecord = z.strictObject({
  ...measures,
  date: z.string().regex(/^\d{4}\/[01]\d\/[0-3]\d [0-2]\d:[0-5]\d$/),
  origin: airport,
  destination: airport,
});

/** A record of `flights-200k.json`: `time` is the hour of the day with its fraction. */
const TimedRecord = z.strictObject({ ...measures, time: z.number().min(0).lt(24) });

const FlightRecord = z.union([DatedRecord, TimedRecord]);

/**
 * Makes a flight of a record of a dataset.
 *
 * @param index the record's number in its file, for the message.
 * @throws {FinalError} `BAD_RECORD`: another attempt would read the same.
 */
export function toFlight(record: unknown, index: number): Flight {
  const parsed = FlightRecord.safeParse(record);
  if (!parsed.success)
    throw new FinalError(`Record ${index} of the file is not a flight: ${JSON.stringify(record)}.`, { code: "BAD_RECORD" });
  const { delay: delayMinutes, distance: distanceMiles, ...rest } = parsed.data;
  if ("time" in rest) {
    return { origin: null, destination: null, flownAt: null, minuteOfDay: Math.floor(rest.time * 60 + 1e-6), delayMinutes, distanceMiles };
  }
  const { date, origin, destination } = rest;
  const minuteOfDay = Number(date.slice(11, 13)) * 60 + Number(date.slice(14));
  return { origin, destination, flownAt: date.replaceAll("/", "-"), minuteOfDay, delayMinutes, distanceMiles };
}
