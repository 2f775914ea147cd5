import type { Sql } from "postgres";
import { arrayTextOf, parseArrayText } from "./array-text.ts";

/** How arrays are read and written, by the ids of the server's array types. */
export type ArrayTypes = Pick<Sql["options"], "parsers" | "serializers">;

/** For a session that is to learn them. */
export const noArrayTypes: ArrayTypes = { parsers: {}, serializers: {} };

/**
 * Asks the server for its array types, and makes of how their elements are read and written how they are.
 *
 * postgres.js asks by itself when it connects, but a connection that breaks in that moment rejects a promise that nobody can handle, which
 * ends the process (release 3.4.9). So it is told not to (`fetch_types: false`).
 */
export async function learnArrayTypes(sql: Sql): Promise<ArrayTypes> {
  const types = await sql.unsafe<{ oid: number; typarray: number; typdelim: string }[]>(
    "select oid, typarray, typdelim from pg_catalog.pg_type where typarray <> 0",
  );
  const { parsers, serializers } = sql.options;
  const learned: ArrayTypes = { parsers: {}, serializers: {} };
  for (const { oid, typarray, typdelim } of types) {
    const [parse, serialize] = [parsers[oid], serializers[oid]];
    learned.parsers[typarray] = (text: string) => parseArrayText(text, parse, typdelim);
    // What is no array is one already, as text.
    learned.serializers[typarray] = (value: unknown) => (Array.isArray(value) ? arrayTextOf(value, serialize, typdelim) : value);
  }
  return learned;
}
