import { expect, test } from "vitest";
import { greatCircleMiles } from "./great-circle.ts";

const quarter = (3958.7613 * Math.PI) / 2;

test("is a quarter of the way round from the equator to a pole, and from one meridian to another", () => {
  expect(greatCircleMiles({ latitude: 0, longitude: 17 }, { latitude: 90, longitude: 0 })).toBeCloseTo(quarter, 6);
  expect(greatCircleMiles({ latitude: 0, longitude: -45 }, { latitude: 0, longitude: 45 })).toBeCloseTo(quarter, 6);
});

test("takes the short way over the date line, and the half way round to the antipode", () => {
  expect(greatCircleMiles({ latitude: 0, longitude: 179 }, { latitude: 0, longitude: -179 })).toBeCloseTo((quarter * 2) / 90, 6);
  expect(greatCircleMiles({ latitude: 12.3, longitude: 45.6 }, { latitude: -12.3, longitude: -134.4 })).toBeCloseTo(2 * quarter, 4);
});

test("is nothing from a place to itself, and the same there and back", () => {
  const [here, there] = [
    { latitude: 40.64, longitude: -73.78 },
    { latitude: 33.94, longitude: -118.41 },
  ];
  expect(greatCircleMiles(here, here)).toBe(0);
  expect(greatCircleMiles(here, there)).toBe(greatCircleMiles(there, here));
});

test("agrees with a published distance: New York JFK to Los Angeles is 2,475 miles", () => {
  const miles = greatCircleMiles({ latitude: 40.63975111, longitude: -73.77892556 }, { latitude: 33.94253611, longitude: -118.4080744 });
  expect(miles).toBeGreaterThan(2_465);
  expect(miles).toBeLessThan(2_480);
});
