import { withDatabase } from "../database.ts";

/** The one number that a query gives. */
export function countOf(url: string, query: string): Promise<number> {
  return withDatabase(url, async (sql) => {
    const [row] = await sql.unsafe<{ count: number }[]>(query);
    return row!.count;
  });
}
