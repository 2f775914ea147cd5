import { expect, test } from "vitest";
import { EngineUnavailable } from "../../engine-errors.ts";
import { isRefused } from "./unavailable.ts";

const coded = (code: string, where?: string): Error => Object.assign(new Error("no"), { code, where });

test.each<[string, unknown, boolean]>([
  ["a value that Postgres does not take", coded("22P05"), true],
  [
    "a lock that one row waited for",
    new EngineUnavailable("accept", coded("55P03", 'while updating tuple (0,1) in relation "call"')),
    true,
  ],
  ["a lock of the whole table", new EngineUnavailable("accept", coded("55P03")), false],
  ["a connection that was refused", new EngineUnavailable("accept", coded("ECONNREFUSED")), false],
  ["a shutdown", new EngineUnavailable("accept", coded("57P01")), false],
  ["an error without a code", new Error("no"), false],
])("whether %s may be the fault of one row of a batch", (_, error, expected) => {
  expect(isRefused(error)).toBe(expected);
});
