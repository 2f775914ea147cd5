import { FinalError } from "@raincheck/server";
import type { Airport } from "./airports.ts";
import type { Flight } from "./flight.ts";
import { greatCircleMiles } from "./great-circle.ts";

/**
 * How far a distance may be off: the Earth is no sphere (up to 0.5 %), the coordinates are those of the airport's middle, and the
 * source rounds to whole miles. In `flights-20k` the farthest is off by 7.4 miles.
 */
const toleranceMiles = (miles: number) => 5 + miles * 0.005;

/**
 * Checks the distance of a flight against the coordinates of its airports.
 *
 * @returns by how many miles it is off; `null` for a flight without airports.
 * @throws {FinalError} `UNKNOWN_AIRPORT`, or `IMPLAUSIBLE_DISTANCE`.
 */
export function checkDistance(flight: Flight, airports: ReadonlyMap<string, Airport>): number | null {
  const { origin, destination, distanceMiles } = flight;
  if (origin === null || destination === null) return null;
  const miles = greatCircleMiles(airportAt(origin, airports), airportAt(destination, airports));
  const offMiles = Math.abs(miles - distanceMiles);
  if (offMiles > toleranceMiles(miles)) {
    throw new FinalError(`${origin} to ${destination} is ${Math.round(miles)} miles, and the file says ${distanceMiles}.`, {
      code: "IMPLAUSIBLE_DISTANCE",
    });
  }
  return offMiles;
}

function airportAt(iata: string, airports: ReadonlyMap<string, Airport>): Airport {
  const airport = airports.get(iata);
  if (airport === undefined) throw new FinalError(`airports.csv has no airport ${iata}.`, { code: "UNKNOWN_AIRPORT" });
  return airport;
}
