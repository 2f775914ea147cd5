import postgres from "postgres";

/** The one number that a query gives. */
export async function countOf(url: string, query: string): Promise<number> {
  const sql = postgres(url, { max: 1 });
  try {
    const [row] = await sql.unsafe<{ count: number }[]>(query);
    return row!.count;
  } finally {
    await sql.end();
  }
}
