import { expect, test } from "vitest";
import { readAirports } from "./airports.ts";
import { checkDistance } from "./check-distance.ts";
import { type DatasetName, datasetFlights } from "./datasets.ts";
import { type Flight, toFlight } from "./flight.ts";
import { readFlights } from "./read-flights.ts";

test.each(Object.entries(datasetFlights) as [DatasetName, number][])("reads %s: %i flights, in chunks", async (dataset, flights) => {
  const sizes: number[] = [];
  for await (const chunk of readFlights(dataset, { chunkFlights: 3_000 })) sizes.push(chunk.length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(flights);
  expect(new Set(sizes.slice(0, -1))).toEqual(new Set([3_000]));
});

test("reads the fields of a record of each dataset", async () => {
  const [dated] = (await readFlights("flights-20k", { chunkFlights: 1 }).next()).value ?? [];
  expect(dated).toEqual({
    origin: "DTW",
    destination: "LAS",
    flownAt: "2001-01-01 00:47",
    minuteOfDay: 47,
    delayMinutes: 66,
    distanceMiles: 1_750,
  });
  const [timed] = (await readFlights("flights-200k", { chunkFlights: 1 }).next()).value ?? [];
  expect(timed).toEqual({ origin: null, destination: null, flownAt: null, minuteOfDay: 0, delayMinutes: 0, distanceMiles: 1_452 });
});

test("keeps the minute of a time that is a fraction of an hour", () => {
  for (let minute = 0; minute < 1_440; minute++) {
    expect(toFlight({ delay: 0, distance: 1, time: minute / 60 }, 0).minuteOfDay).toBe(minute);
  }
});

test("stops when the signal aborts", async () => {
  const stopping = new AbortController();
  const reading = readFlights("flights-200k", { chunkFlights: 1_000, signal: stopping.signal });
  await reading.next();
  stopping.abort();
  const rest = async () => {
    for await (const chunk of reading) expect(chunk).not.toHaveLength(0);
  };
  await expect(rest()).rejects.toMatchObject({ name: "AbortError" });
});

test.each([
  null,
  [],
  {},
  { delay: 1, distance: 1 },
  { delay: 1, distance: 0, time: 1 },
  { delay: 1.5, distance: 1, time: 1 },
  { delay: 1, distance: 1, time: 24 },
  { delay: 1, distance: 1, time: 1, gate: "A" },
  { delay: 1, distance: 1, origin: "DTW", destination: "LAS", date: "2001-01-01" },
  { delay: 1, distance: 1, origin: "Detroit", destination: "LAS", date: "2001/01/01 00:47" },
])("ends the import at %j, which is no flight", (record) => {
  expect(() => toFlight(record, 17)).toThrow(expect.objectContaining({ _tag: "FinalError", code: "BAD_RECORD" }));
});

const flight: Flight = { origin: "JFK", destination: "LAX", flownAt: null, minuteOfDay: 0, delayMinutes: 0, distanceMiles: 2_475 };

test("all distances agree with the coordinates of their airports", async () => {
  const airports = await readAirports();
  const off: number[] = [];
  for await (const chunk of readFlights("flights-20k", { chunkFlights: 20_000 }))
    off.push(...chunk.map((one) => checkDistance(one, airports)!));
  expect(off).toHaveLength(20_000);
  expect(Math.max(...off)).toBeCloseTo(7.4, 1);
  // A distance that is wrong by more is found.
  expect(() => checkDistance({ ...flight, distanceMiles: 2_450 }, airports)).toThrow(
    expect.objectContaining({ code: "IMPLAUSIBLE_DISTANCE" }),
  );
  expect(() => checkDistance({ ...flight, origin: "QQQ" }, airports)).toThrow(expect.objectContaining({ code: "UNKNOWN_AIRPORT" }));
  expect(checkDistance({ ...flight, origin: null }, airports)).toBeNull();
});
